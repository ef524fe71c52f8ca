import { styleText } from 'node:util';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { developmentPassword } from './harper/admin-password.ts';
import { launch, waitUntilReady } from './harper/launch.ts';
import { settings } from './harper/settings.ts';
import { preloadModels } from './preload/preload-models.ts';

if (process.argv.includes('--help')) {
  console.log('npm run dev\n\nStarts the server on this machine only, loads the default models, and prints a first request. Settings: .env.example.');
  process.exit(0);
}

const config = settings();
const password = await developmentPassword(config);
const isFirst = !existsSync(join(config.AI_OPS_ROOT, 'harper'));
console.log(isFirst ? 'Starting Harper for the first time ...' : 'Starting Harper ...');

const launched = await launch({ config, password, development: true, output: 'file' }).catch(giveUp);
let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  void launched.stop().then(() => process.exit(0));
};
process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
void launched.ended.then((code) => {
  if (stopping) return;
  console.error(`Harper ended with code ${code}; its output is in ${launched.logFile}`);
  process.exit(code || 1);
});

await waitUntilReady(launched, 120_000).catch(async (error) => {
  await launched.stop();
  giveUp(error);
});
await preloadModels({ url: launched.url, config, report: (line) => console.log(line) });

const bold = (text: string) => styleText('bold', text);
console.log(`
${bold('Ready.')} Try:

  curl -s ${launched.url}/predict -H 'content-type: application/json' \\
    -d '{"modelName":"all-minilm-l6-v2","features":{"texts":["a light shoe for muddy trails"]},"options":{"timing":true}}'

  API            ${launched.url}/openapi.json
  Harper Studio  http://127.0.0.1:${config.OPERATIONS_PORT}   user ${config.HDB_ADMIN_USERNAME}, password ${password}
  Data           ${config.AI_OPS_ROOT}
  Output         ${launched.logFile}

Ctrl-C stops everything.`);

function giveUp(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
