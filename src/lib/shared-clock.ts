/** Ticks of a millisecond; a time of this century in ticks is still an exact number. */
const ticksPerMs = 2048;

/** Bytes of memory that a clock needs. */
export const sharedClockBytes = 8;

/**
 * A clock that threads share: no two calls on any of them ever get the same time, and a later call gets a later one,
 * also when the machine's own clock was set back.
 */
export class SharedClock {
  readonly #last: BigInt64Array;
  readonly #now: () => number;

  /**
   * @param memory  `sharedClockBytes`, zeroed at first, the same for all threads.
   * @param now     epoch milliseconds.
   */
  constructor(memory: ArrayBuffer | SharedArrayBuffer, now: () => number) {
    this.#last = new BigInt64Array(memory, 0, 1);
    this.#now = now;
  }

  /** @returns epoch milliseconds with a fraction */
  next(): number {
    for (;;) {
      const last = Atomics.load(this.#last, 0);
      const now = BigInt(Math.floor(this.#now() * ticksPerMs));
      const next = now > last ? now : last + 1n;
      if (Atomics.compareExchange(this.#last, 0, last, next) === last) return Number(next) / ticksPerMs;
    }
  }
}
