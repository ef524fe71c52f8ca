import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Config } from '../../src/config.ts';
import { LogFile } from './log-file.ts';
import { OutputLines } from './output-lines.ts';
import { projectRoot } from './project-root.ts';
import { clearStalePid } from './stale-pid.ts';

export interface LaunchOptions {
  readonly config: Config;
  readonly password: string;
  /** Development: loopback only, loopback callers are super users, Studio is on. */
  readonly development: boolean;
  /** Where Harper's own output goes: to this terminal, or to a file alone. */
  readonly output: 'terminal' | 'file';
}

export interface Launched {
  readonly url: string;
  readonly child: ChildProcess;
  /** Resolves with the exit code when Harper ends. */
  readonly ended: Promise<number>;
  readonly logFile: string;
  stop(): Promise<void>;
}

/** Beyond this a server that was told to stop is ended; `stop-gently.ts` cuts what is not answered before. */
const stopMs = 11_500;
const stopGently = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), 'stop-gently.js')).href;

/** Names that Harper reads itself and would write into its own configuration; the launcher passes them on as settings. */
const ownedByLauncher = new Set(['HTTP_PORT', 'OPERATIONS_PORT', 'HTTP_THREADS', 'HOME', 'ROOTPATH', 'CORS_ORIGINS']);

/** Starts Harper with this component, its data in a folder of its own. */
export async function launch({ config, password, development, output }: LaunchOptions): Promise<Launched> {
  const root = config.AI_OPS_ROOT;
  await mkdir(join(root, 'home'), { recursive: true });
  for (const [name, port] of [
    ['HTTP_PORT', config.HTTP_PORT],
    ['OPERATIONS_PORT', config.OPERATIONS_PORT],
  ] as const) {
    await checkPort(name, port);
  }
  await clearStalePid(join(root, 'harper'));
  const child = spawn(process.execPath, ['--import', stopGently, harperBinary(), 'run', projectRoot], {
    // Never the data root: a model that reads a relative path must find nothing.
    cwd: join(root, 'home'),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(config, password, development),
  });
  // Also when this process breaks, for one when nobody reads its output any more: Harper would go on alone.
  process.once('exit', () => child.kill('SIGTERM'));
  const logFile = join(root, 'server.log');
  const log = new LogFile(logFile);
  for (const [stream, terminal] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    const lines = new OutputLines(config.LOG_FORMAT, (text) => {
      log.write(text);
      if (output === 'terminal') terminal.write(text);
    });
    stream?.on('data', (bytes: Buffer) => lines.take(bytes)).on('end', () => lines.end());
  }
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
    child.once('error', () => resolve(1));
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), stopMs).unref();
    await ended;
    clearTimeout(force);
  };
  return { url: `http://127.0.0.1:${config.HTTP_PORT}`, child, ended, logFile, stop };
}

/** Waits for the server to be ready to predict. @throws Error when it ends or takes too long. */
export async function waitUntilReady({ url, ended, logFile }: Launched, timeoutMs: number): Promise<void> {
  let exitCode: number | undefined;
  void ended.then((code) => {
    exitCode = code;
  });
  for (const begin = Date.now(); Date.now() - begin < timeoutMs; await pause(100)) {
    if (exitCode !== undefined)
      throw new Error(`Harper ended with code ${exitCode} while it started.\n${await tail(logFile)}`);
    const reply = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    const status = ((await reply?.json().catch(() => undefined)) as { status?: string } | undefined)?.status;
    if (reply?.ok && status === 'ready') return;
  }
  throw new Error(`The server was not ready after ${timeoutMs / 1000} s.\n${await tail(logFile)}`);
}

function environment(config: Config, password: string, development: boolean): NodeJS.ProcessEnv {
  const passed = Object.entries(process.env).filter(([name]) => !ownedByLauncher.has(name));
  return {
    ...Object.fromEntries(passed),
    AI_OPS_ROOT: config.AI_OPS_ROOT,
    // The server works in another folder, where a relative path would mean another.
    ...(config.MODELS_DIR !== undefined && { MODELS_DIR: config.MODELS_DIR }),
    HOME: join(config.AI_OPS_ROOT, 'home'),
    ROOTPATH: join(config.AI_OPS_ROOT, 'harper'),
    TC_AGREEMENT: 'yes',
    HDB_ADMIN_USERNAME: config.HDB_ADMIN_USERNAME,
    HDB_ADMIN_PASSWORD: password,
    REPLICATION_HOSTNAME: 'localhost',
    // Harper's own `dev` defaults would restart it at every file that changes, and open a debugger.
    DEFAULTS_MODE: 'prod',
    HARPER_SET_CONFIG: JSON.stringify(harperConfig(config, development)),
  };
}

/** Harper's own settings, forced at every start, whatever an earlier start left in its file. */
function harperConfig(config: Config, development: boolean) {
  const loopback = (port: number) => `127.0.0.1:${port}`;
  const origins = config.CORS_ORIGINS;
  return {
    http: {
      port: development ? loopback(config.HTTP_PORT) : config.HTTP_PORT,
      securePort: null,
      cors: origins.length > 0,
      corsAccessList: origins,
      headersTimeout: 15_000,
      // Covers a whole upload; a 2 GB model over a slow line takes a while.
      timeout: 600_000,
      keepAliveTimeout: 15_000,
      // Beyond it Harper answers in plain words of its own, before any of our code; who waits too long for a model is
      // refused by the runners' queue.
      requestQueueLimit: 1e9,
      maxHeaderSize: 16_384,
    },
    operationsApi: { network: { port: loopback(config.OPERATIONS_PORT), securePort: null, cors: development } },
    mqtt: { network: { port: null, securePort: null }, webSocket: false },
    replication: { port: null, securePort: null },
    threads: { count: config.HTTP_THREADS },
    authentication: { authorizeLocal: development, cacheTTL: 10_000, enableSessions: development },
    localStudio: { enabled: development },
    logging: { level: config.LOG_LEVEL, stdStreams: true },
  };
}

function harperBinary(): string {
  const main = createRequire(join(projectRoot, 'package.json')).resolve('harperdb');
  return join(dirname(main), 'bin', 'harperdb.js');
}

/** Harper shares a port already in use without a word, so ours is tried first. */
function checkPort(name: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () =>
      reject(new Error(`Port ${port} is taken. Stop what listens there, or set ${name} to a free port.`)),
    );
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve()));
  });
}

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').slice(-20).join('\n');
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
