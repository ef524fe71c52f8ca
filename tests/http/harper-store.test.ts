import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { storeSuite, type TestedStore } from '../contracts/store-suite.ts';
import { freePort } from '../support/boot-server.ts';

const project = join(import.meta.dirname, '..', '..');
let folder: string;
let child: ChildProcess;
let url: string;

// Two threads, so that a lock has to hold across them.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-server-'));
  const component = join(folder, 'component');
  await cp(join(project, 'tests', 'support', 'store-server'), component, { recursive: true });
  await cp(join(project, 'schema.graphql'), join(component, 'schema.graphql'));
  await cp(join(project, 'package.json'), join(component, 'package.json'));
  await symlink(join(project, 'dist'), join(component, 'dist'));
  await symlink(join(project, 'node_modules'), join(component, 'node_modules'));
  await mkdir(join(folder, 'home'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}/store-call`;
  const off = { port: null, securePort: null };
  const config = {
    http: { port: `127.0.0.1:${port}`, securePort: null },
    operationsApi: { network: { port: `127.0.0.1:${await freePort()}`, securePort: null } },
    mqtt: { network: off },
    replication: off,
    threads: { count: 2 },
    localStudio: { enabled: false },
    logging: { stdStreams: true },
  };
  const main = createRequire(import.meta.url).resolve('harperdb');
  child = spawn(process.execPath, [join(dirname(main), 'bin', 'harperdb.js'), 'run', component], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      NODE_OPTIONS: `--import ${pathToFileURL(join(component, 'skewed-clock.js')).href}`,
      PATH: process.env.PATH,
      HOME: join(folder, 'home'),
      ROOTPATH: join(folder, 'root'),
      TC_AGREEMENT: 'yes',
      HDB_ADMIN_USERNAME: 'admin',
      HDB_ADMIN_PASSWORD: 'pw',
      REPLICATION_HOSTNAME: 'localhost',
      DEFAULTS_MODE: 'prod',
      HARPER_SET_CONFIG: JSON.stringify(config),
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => (log += bytes));
  const begin = Date.now();
  for (;;) {
    const reply = await fetch(url).catch(() => undefined);
    if (reply?.ok && (await reply.text()) === 'ready') break;
    if (Date.now() - begin > 60_000 || child.exitCode !== null)
      throw new Error(`the store server did not start:\n${log.slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

afterAll(async () => {
  child?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function call(table: string | undefined, method: string, ...args: unknown[]) {
  // A connection a call, so that calls spread over the threads.
  const reply = await fetch(url, {
    method: 'POST',
    body: JSON.stringify({ table, method, args }),
    headers: { connection: 'close' },
  });
  const { result, error } = (await reply.json()) as { result: never; error?: string };
  if (error !== undefined) throw new Error(error);
  return result ?? undefined;
}

const remote = (table: string, methods: readonly string[]) =>
  Object.fromEntries(methods.map((method) => [method, (...args: unknown[]) => call(table, method, ...args)]));

storeSuite('Harper', () => ({
  models: remote('models', ['get', 'patch', 'delete', 'count', 'putWithBytes']) as unknown as TestedStore['models'],
  events: remote('events', ['get', 'put', 'patch', 'delete', 'count']) as unknown as TestedStore['events'],
  jobs: remote('jobs', ['get', 'put', 'patch']) as unknown as TestedStore['jobs'],
  queryJobs: (query) => call('jobs', 'query', query) as unknown as ReturnType<TestedStore['queryJobs']>,
  query: (query) => call('events', 'query', query) as unknown as ReturnType<TestedStore['query']>,
  async bytes(id, start, end) {
    const stored = (await call(undefined, 'bytes', id, start, end)) as { base64: string } | undefined;
    return stored && Buffer.from(stored.base64, 'base64');
  },
  countUnderLock: async (id) => void (await call(undefined, 'countUnderLock', id)),
}));
