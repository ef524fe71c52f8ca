import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { developmentPassword } from './harper/admin-password.ts';
import { runServer } from './harper/run-server.ts';
import { settings } from './harper/settings.ts';
import { preloadModels } from './preload/preload-models.ts';

if (process.argv.includes('--help')) {
  console.log(`npm run dev

Starts the server for this machine only, loads the default models, and prints a first request.
Settings: .env.example.`);
  process.exit(0);
}

const config = settings();
const password = await developmentPassword(config);
const isFirst = !existsSync(join(config.AI_OPS_ROOT, 'harper'));
console.log(isFirst ? 'Starting Harper for the first time ...' : 'Starting Harper ...');
const { url, logFile } = await runServer({ config, password, development: true, output: 'file' });
const modelName = 'all-minilm-l6-v2';
const first = { modelName, then: () => console.log(firstRequest) };
const firstRequest = `
Ready. Try:

  curl -s ${url}/predict -H 'content-type: application/json' \\
    -d '{"modelName":"${modelName}","features":{"texts":["a light shoe for muddy trails"]},"options":{"timing":true}}'
`;
await preloadModels({ url, config, report: (line) => console.log(line), first });
console.log(`
  API            ${url}/openapi.json
  Harper Studio  http://127.0.0.1:${config.OPERATIONS_PORT}   user ${config.HDB_ADMIN_USERNAME}, password ${password}
  Data           ${config.AI_OPS_ROOT}
  Output         ${logFile}

Ctrl-C stops everything.`);
