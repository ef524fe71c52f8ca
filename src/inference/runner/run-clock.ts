/**
 * When the current run began and how long it may take, in memory shared between a runner's main thread, which
 * native code may block, and its watchdog. Times are whole milliseconds that wrap around after 24 days, which
 * differences survive.
 */
const STARTED = 0;
const LIMIT = 1;

export const newClockMemory = (): SharedArrayBuffer => new SharedArrayBuffer(8);

export class RunClock {
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  /** The limit is written last and read first, so a watchdog never sees a new limit with an old start. */
  begin(nowMs: number, limitMs: number): void {
    Atomics.store(this.#cells, STARTED, nowMs | 0);
    Atomics.store(this.#cells, LIMIT, Math.max(1, Math.min(limitMs, 2 ** 31 - 1)));
  }

  end(): void {
    Atomics.store(this.#cells, LIMIT, 0);
  }

  isOverdue(nowMs: number): boolean {
    const limit = Atomics.load(this.#cells, LIMIT);
    const elapsed = ((nowMs | 0) - Atomics.load(this.#cells, STARTED)) | 0;
    return limit > 0 && elapsed > limit;
  }
}
