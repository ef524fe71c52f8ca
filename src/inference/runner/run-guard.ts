import { Worker } from 'node:worker_threads';
import { monotonicMs } from '../batching/monotonic.ts';
import type { RunPhase, RunWatch } from '../batching/run-watch.ts';
import { Marker } from './marker.ts';
import { newClockMemory, RunClock } from './run-clock.ts';
import type { WatchdogData } from './watchdog.ts';

export interface RunGuardOptions {
  readonly markerPath: string;
  readonly memoryLimitBytes: number;
  readonly leashFd: number | undefined;
}

/** Arms the watchdog and writes the marker around everything that may block or kill this process. */
export class RunGuard implements RunWatch {
  readonly #marker: Marker;
  readonly #clock: RunClock;

  private constructor(marker: Marker, clock: RunClock) {
    this.#marker = marker;
    this.#clock = clock;
  }

  /** Resolves when the watchdog watches. */
  static async start(options: RunGuardOptions): Promise<RunGuard> {
    const marker = new Marker(options.markerPath);
    const clock = newClockMemory();
    const data: WatchdogData = { clock, ...options };
    const watchdog = new Worker(new URL('./watchdog.js', import.meta.url), { workerData: data });
    await new Promise<void>((resolve, reject) => {
      watchdog.once('online', resolve);
      watchdog.once('error', reject);
    });
    // A runner without its watchdog could hang for ever; a dead one is replaced.
    watchdog.on('exit', () => process.kill(process.pid, 'SIGKILL'));
    return new RunGuard(marker, new RunClock(clock));
  }

  begin(digest: string, phase: RunPhase, limitMs: number): void {
    const now = monotonicMs();
    this.#marker.begin(digest, phase, now);
    this.#clock.begin(now, limitMs);
  }

  /** The marker keeps the true beginning, so that requests for other models still see who keeps them waiting. */
  extend(limitMs: number): void {
    this.#clock.begin(monotonicMs(), limitMs);
  }

  end(): void {
    this.#clock.end();
    this.#marker.end();
  }
}
