import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { projectRoot } from '../harper/project-root.ts';

const password = 'of a server that lives for a check';

export interface RunningServer {
  readonly url: string;
  readonly operationsUrl: string;
  /** Value of the Authorization header. */
  readonly authorization: string;
  /** From the start of the process to being ready. */
  readonly startMs: number;
  readonly log: () => string;
  /** SIGKILLs the whole process group and waits for the end of the process that was started. */
  kill(): Promise<void>;
}

/** Where a server in `root` keeps the models of its node. */
export const modelsFolder = (root: string): string => join(root, 'data', 'models');

/**
 * Starts the product as `npm start` does, on free ports, with everything it writes below `root`.
 *
 * @param threads      that answer HTTP; the product's own choice unless given.
 * @param environment  other settings of the server.
 */
export async function startServer(
  root: string,
  threads?: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  const [port, operationsPort] = [await freePort(), await freePort()];
  // The sockets of runners lie in the temporary folder; below `root` their paths show whose they are.
  const temporary = join(root, 'tmp');
  await mkdir(temporary, { recursive: true });
  const begin = performance.now();
  const child = spawn(process.execPath, [join(projectRoot, 'dist', 'scripts', 'start.js')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      PATH: process.env.PATH,
      HOME: root,
      TMPDIR: temporary,
      HTTP_PORT: String(port),
      OPERATIONS_PORT: String(operationsPort),
      AI_OPS_ROOT: join(root, 'data'),
      HDB_ADMIN_PASSWORD: password,
      ...(threads !== undefined && { HTTP_THREADS: String(threads) }),
      ...environment,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      log = (log + bytes).slice(-100_000);
    });
  }
  const killGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group has gone already.
    }
  };
  // Nobody else would end it: the group is not the terminal's.
  process.once('exit', killGroup);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async () => {
    killGroup();
    await ended;
    process.off('exit', killGroup);
  };
  while (!log.includes('Ready on port')) {
    if (child.exitCode !== null || performance.now() - begin > 90_000) {
      await kill();
      throw new Error(`The server in ${root} did not start:\n${log.slice(-4000)}`);
    }
    await pause(20);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    operationsUrl: `http://127.0.0.1:${operationsPort}`,
    authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
    startMs: performance.now() - begin,
    log: () => log,
    kill,
  };
}

interface Found {
  readonly pid: number;
  readonly command: string;
}

/** Processes of any kind that were started for `root`: by command line, or by environment where that is readable. */
export async function processesOf(root: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
    const command = (await read('cmdline')).replaceAll('\0', ' ');
    if (command.includes(root) || (await read('environ')).includes(root)) found.push({ pid, command });
  }
  return found;
}

/**
 * Waits until no process of a killed server is left.
 *
 * @param known  processes seen before the kill: one that is being torn down has no command line any more.
 * @returns      how long that took, and who was still there after `patienceMs`.
 */
export async function waitUntilGone(root: string, known: readonly Found[], patienceMs = 3000) {
  const begin = performance.now();
  for (;;) {
    const alive = await Promise.all(known.map(async (one) => ((await isAlive(one)) ? [one] : [])));
    const left = alive.flat().length > 0 ? alive.flat() : await processesOf(root);
    const ms = performance.now() - begin;
    if (left.length === 0 || ms > patienceMs) return { ms, left };
    await pause(10);
  }
}

/** A dead process that nobody has asked for its end yet (state Z) runs nothing and holds nothing. */
async function isAlive({ pid }: Found): Promise<boolean> {
  const state = /^State:\s+(\S)/m.exec(await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

export const isRunner = ({ command }: Found): boolean => command.includes(join('runner', 'main.js'));

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
