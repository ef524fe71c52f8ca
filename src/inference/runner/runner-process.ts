import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LEASH_FD } from './leash.ts';
import { readMarker } from './marker.ts';
import type { Verdict } from './notices.ts';
import type { RunnerSettings } from './start.ts';
import { judge, outOfMemoryKills } from './verdict.ts';

const MIB = 2 ** 20;
/**
 * The data segment counts what is reserved for writing, also what is never touched: thread stacks, the JavaScript
 * heap. With this on top of the memory limit a runner that is merely large meets its watchdog, which says why,
 * and one that asks for far too much at once is refused by the kernel.
 */
const RESERVED_UNTOUCHED = 512 * MIB;
/** Kept of standard error, to tell why a process died. */
const LAST_WORDS = 4096;

export interface RunnerProcessOptions {
  /** The compiled `main.js`. */
  readonly entryPath: string;
  /** Where its socket, marker and empty working directory lie. */
  readonly directory: string;
  readonly generation: string;
  readonly settings: Omit<RunnerSettings, 'socketPath' | 'markerPath'>;
  readonly onReady: () => void;
  readonly onExit: (verdict: Verdict, lastWords: string) => void;
}

/** One life of a runner process, from its start to the verdict on its end. */
export class RunnerProcess {
  readonly socketPath: string;
  readonly markerPath: string;
  readonly #options: RunnerProcessOptions;
  readonly #home: string;
  readonly #child: ChildProcess;
  readonly #killsBefore = outOfMemoryKills();
  #lastWords = '';
  #ended = false;

  constructor(options: RunnerProcessOptions) {
    const { directory, generation } = options;
    this.#options = options;
    this.socketPath = join(directory, `${generation}.sock`);
    this.markerPath = join(directory, `${generation}.marker`);
    this.#home = join(directory, `${generation}.empty`);
    mkdirSync(this.#home, { mode: 0o500 });
    this.#child = this.#spawn();
    this.#listen();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #spawn(): ChildProcess {
    const { entryPath, settings } = this.#options;
    const { memoryLimitBytes } = settings;
    const heapMiB = Math.round(Math.min(1024, Math.max(256, memoryLimitBytes / 4 / MIB)));
    const own: RunnerSettings = { ...settings, socketPath: this.socketPath, markerPath: this.markerPath };
    const node = [process.execPath, `--max-old-space-size=${heapMiB}`, entryPath, JSON.stringify(own)];
    const limitKiB = Math.round((memoryLimitBytes + RESERVED_UNTOUCHED) / 1024);
    // A limit on the address space would stop V8 from starting; the data segment is what a model can grow.
    const [command = '', ...args] = existsSync('/bin/sh')
      ? ['/bin/sh', '-c', 'ulimit -d "$0" 2>/dev/null; exec "$@"', String(limitKiB), ...node]
      : node;
    // A group of its own: a Ctrl-C in a terminal is for the server, which then ends its runners.
    return spawn(command, args, {
      cwd: this.#home,
      env: {},
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
  }

  #listen(): void {
    const child = this.#child;
    child.unref();
    const leash = child.stdio[LEASH_FD] as Readable & { unref?: () => void };
    const errors = child.stderr as Readable & { unref?: () => void };
    leash.unref?.();
    errors.unref?.();
    leash.once('data', () => this.#options.onReady());
    leash.on('error', () => {});
    errors.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS);
    });
    child.on('error', (error) => this.#end(null, error.message));
    child.on('close', (_code, signal) => this.#end(signal, this.#lastWords));
  }

  #end(signal: NodeJS.Signals | null, lastWords: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const { generation, onExit } = this.#options;
    const outOfMemoryKill = outOfMemoryKills() > this.#killsBefore;
    const verdict = judge({ generation, marker: readMarker(this.markerPath), signal, lastWords, outOfMemoryKill });
    for (const path of [this.socketPath, this.markerPath, this.#home]) rmSync(path, { recursive: true, force: true });
    onExit(verdict, lastWords);
  }
}
