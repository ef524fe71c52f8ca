import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { knownPassword } from './harper/admin-password.ts';
import { giveUp, runServer } from './harper/run-server.ts';
import { say } from './harper/say.ts';
import { settings } from './harper/settings.ts';

if (process.argv.includes('--help')) {
  console.log(`npm start

Starts the server in production form: every call needs a login. Settings: .env.example.`);
  process.exit(0);
}

const config = settings();
const isFirst = !existsSync(join(config.AI_OPS_ROOT, 'harper'));
const password = await knownPassword(config);
if (isFirst && password === undefined) {
  giveUp('The first start needs HDB_ADMIN_PASSWORD: choose the password of the user HDB_ADMIN_USERNAME.');
}
const [bypass] = Object.keys(process.env).filter((name) => name.toUpperCase() === 'AUTHENTICATION_AUTHORIZELOCAL');
if (bypass !== undefined) {
  giveUp(`Refusing to start: ${bypass} is set, and any value of it lets local callers in without a login. Unset it.`);
}

const launched = await runServer({ config, password: password ?? '', development: false, output: 'terminal' });
const anonymous = await fetch(`${launched.url}/status`).then(
  ({ status }) => status,
  () => 0,
);
if (anonymous !== 401) {
  await launched.stop();
  giveUp(`Refusing to run: a local call without a login was answered ${anonymous} instead of 401.
See authentication.authorizeLocal in ${join(config.AI_OPS_ROOT, 'harper', 'harperdb-config.yaml')}.`);
}
say(config, `Ready on port ${config.HTTP_PORT}; every call but /health and /openapi.json needs a login.`);
