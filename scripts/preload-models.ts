import { parseArgs } from 'node:util';
import { knownPassword } from './harper/admin-password.ts';
import { settings } from './harper/settings.ts';
import { preloadModels } from './preload/preload-models.ts';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    user: { type: 'string' },
    password: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(`npm run preload -- [--url http://127.0.0.1:9926] [--user name] [--password word] [--json]

Registers the models described in models/metadata/, and those of MODELS_DIR, with a running server.
What is registered already stays as it is; what cannot be had is named and skipped.`);
  process.exit(0);
}

const config = settings();
const user = values.user ?? config.HDB_ADMIN_USERNAME;
const password = values.password ?? (await knownPassword(config));
const authorization =
  password === undefined ? undefined : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
try {
  const results = await preloadModels({
    url: values.url ?? `http://127.0.0.1:${config.HTTP_PORT}`,
    config,
    report: values.json ? () => undefined : (line) => console.log(line),
    ...(authorization !== undefined && { authorization }),
  });
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
  if (values.json) console.log(JSON.stringify(results));
  else console.log(`${count('loaded')} loaded, ${count('present')} there already, ${count('skipped')} skipped`);
} catch (error) {
  console.error(
    `The models could not be loaded: ${error instanceof Error ? error.message : error}. Is the server running (npm run dev, npm start)?`,
  );
  process.exitCode = 1;
}
