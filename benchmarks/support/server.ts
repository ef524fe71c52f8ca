import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onCleanup } from './cleanup.ts';

export interface Server {
  readonly url: string;
  readonly operationsUrl: string;
  readonly authorization: string;
  readonly child: ChildProcess;
  /** The process whose tree does the work. */
  readonly pid: number;
}

export interface ServerOptions {
  readonly args: (place: Place) => readonly string[];
  readonly environment: (place: Place) => NodeJS.ProcessEnv;
  readonly password: string;
  readonly isReady: (server: Server, output: string) => Promise<boolean> | boolean;
}

export interface Place {
  /** A folder of the server's own, removed in the end. */
  readonly root: string;
  readonly port: number;
  readonly operationsPort: number;
}

const startTimeoutMs = 90_000;
const stopTimeoutMs = 15_000;

/** Starts a server on free ports in a folder of its own; both are gone when the script ends. */
export async function startServer({ args, environment, password, isReady }: ServerOptions): Promise<Server> {
  const root = await mkdtemp(join(tmpdir(), 'bench-'));
  onCleanup(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  const [port, operationsPort] = [await freePort(), await freePort()];
  const place = { root, port, operationsPort };
  // A group of its own, so that Ctrl-C reaches this script alone and it can stop the server in order.
  const child = spawn(process.execPath, args(place), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    cwd: root,
    env: environment(place),
  });
  onCleanup(() => stop(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => (output += bytes));
  const server = {
    url: `http://127.0.0.1:${port}`,
    operationsUrl: `http://127.0.0.1:${operationsPort}`,
    authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
    child,
    pid: child.pid ?? 0,
  };
  for (const begin = performance.now(); !(await isReady(server, output)); await pause(100)) {
    if (hasEnded(child) || performance.now() - begin > startTimeoutMs) {
      throw new Error(`a server did not start:\n${output.slice(-4000)}`);
    }
  }
  return server;
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const force = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(force);
}

const hasEnded = ({ exitCode, signalCode, pid }: ChildProcess): boolean =>
  pid === undefined || exitCode !== null || signalCode !== null;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
