import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { knownPassword } from './harper/admin-password.ts';
import { launch, waitUntilReady } from './harper/launch.ts';
import { settings } from './harper/settings.ts';

if (process.argv.includes('--help')) {
  console.log('npm start\n\nStarts the server in production form: every call needs a login. Settings: .env.example.');
  process.exit(0);
}

const config = settings();
const isFirst = !existsSync(join(config.AI_OPS_ROOT, 'harper'));
const password = await knownPassword(config);
if (isFirst && password === undefined) giveUp('The first start needs HDB_ADMIN_PASSWORD: choose the password of the user HDB_ADMIN_USERNAME.');
// Any value, even "false", makes Harper let loopback callers in as super user.
const bypass = Object.keys(process.env).filter((name) => name.toUpperCase() === 'AUTHENTICATION_AUTHORIZELOCAL');
if (bypass.length > 0) giveUp(`Refusing to start: ${bypass.join(', ')} is set, and any value of it lets local callers in without a login. Unset it.`);

const launched = await launch({ config, password: password ?? '', development: false, output: 'terminal' }).catch(giveUp);
let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  void launched.stop().then(() => process.exit(0));
};
process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
void launched.ended.then((code) => {
  if (!stopping) process.exit(code || 1);
});

await waitUntilReady(launched, 120_000).catch(async (error) => {
  await launched.stop();
  giveUp(error);
});
const anonymous = await fetch(`${launched.url}/status`).then(({ status }) => status, () => 0);
if (anonymous !== 401) {
  stopping = true;
  await launched.stop();
  giveUp(`Refusing to run: a local call without a login was answered ${anonymous} instead of 401. See authentication.authorizeLocal in ${join(config.AI_OPS_ROOT, 'harper', 'harperdb-config.yaml')}.`);
}
console.log(`Ready on port ${config.HTTP_PORT}; every call but /health and /openapi.json needs a login.`);

function giveUp(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
