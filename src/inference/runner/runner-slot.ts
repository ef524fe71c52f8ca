import { randomBytes } from 'node:crypto';
import type { Serves } from '../engine.ts';
import type { RunnerAddress, Verdict } from './notices.ts';
import { RunnerProcess } from './runner-process.ts';
import type { RunnerSettings } from './start.ts';

/** A process that is not ready by then is started again. */
const READY_TIMEOUT_MS = 20_000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;

export interface RunnerSlotOptions {
  readonly serves: Serves;
  readonly spare: boolean;
  readonly entryPath: string;
  readonly directory: string;
  readonly settings: Omit<RunnerSettings, 'socketPath' | 'markerPath'>;
  /** The slot's runner became ready or was lost. */
  readonly onChange: () => void;
  /** Is called before the next process starts. */
  readonly onDeath: (death: { verdict: Verdict; lastWords: string; wasReady: boolean }) => void;
}

/** A place in which one runner lives after another, until it is closed. */
export class RunnerSlot {
  readonly id: string;
  readonly startedAt = Date.now();
  readonly #options: RunnerSlotOptions;
  #process: RunnerProcess | undefined;
  #address: RunnerAddress | undefined;
  #generation = '';
  #restarts = -1;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;

  constructor(options: RunnerSlotOptions) {
    this.#options = options;
    this.id = options.spare ? `${options.serves}-spare` : options.serves;
    this.#start();
  }

  /** The runner that lives here now; undefined while none is ready. */
  get address(): RunnerAddress | undefined {
    return this.#address;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Ends the process and waits for its end. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    return new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#process) this.#process.kill();
      else resolve();
    });
  }

  #start(): void {
    const { entryPath, directory, settings } = this.#options;
    this.#restarts += 1;
    this.#generation = `${this.id.replace('production', 'p').replace('candidates', 'c')}-${randomBytes(5).toString('hex')}`;
    this.#process = new RunnerProcess({
      entryPath,
      directory,
      settings,
      generation: this.#generation,
      onReady: () => this.#becomeReady(),
      onExit: (verdict, lastWords) => this.#becomeDead(verdict, lastWords),
    });
    this.#timer = setTimeout(() => this.#process?.kill(), READY_TIMEOUT_MS).unref();
  }

  #becomeReady(): void {
    if (!this.#process) return;
    clearTimeout(this.#timer);
    this.#failures = 0;
    const { serves, spare } = this.#options;
    const { pid, socketPath, markerPath } = this.#process;
    this.#address = {
      id: this.id,
      serves,
      spare,
      generation: this.#generation,
      pid,
      restarts: this.#restarts,
      socketPath,
      markerPath,
    };
    this.#options.onChange();
  }

  #becomeDead(verdict: Verdict, lastWords: string): void {
    const wasReady = this.#address !== undefined;
    clearTimeout(this.#timer);
    this.#process = undefined;
    this.#address = undefined;
    if (this.#closed) {
      this.#closed();
      return;
    }
    this.#options.onDeath({ verdict, lastWords, wasReady });
    this.#options.onChange();
    if (this.#closed) return;
    if (wasReady) {
      this.#start();
      return;
    }
    // It cannot even start: something is wrong that trying again at once will not cure.
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, LONGEST_BACKOFF_MS);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#start(), backoffMs).unref();
  }
}
