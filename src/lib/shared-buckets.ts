/** What a bucket says to one who draws from it. */
export interface Draw {
  readonly allowed: boolean;
  /** Whole draws that are left now. */
  readonly remaining: number;
  /** Milliseconds until the next draw is allowed; 0 when one is allowed now. */
  readonly waitMs: number;
  /** Milliseconds until the bucket is full again. */
  readonly fullMs: number;
}

export interface BucketRule {
  /** Draws that a bucket gains per second. */
  readonly perSecond: number;
  /** Draws that a full bucket holds, at least 1. */
  readonly burst: number;
}

const ways = 8;
const timeBits = 46n;
const timeMask = (1n << timeBits) - 1n;

/**
 * Token buckets by key in memory that several threads share, exact over all of them and of a fixed size.
 *
 * A bucket is one 64-bit word: a mark of its key, and the microsecond at which it will be full again (the
 * "generic cell rate algorithm"). A draw moves that time by one compare-and-swap, so no two threads spend the
 * same token. A bucket that is full again says nothing and gives its place to another key; when all places of a
 * key's set are in use, the one that is full soonest is forgotten.
 *
 * @see  ITU-T I.371, annex A: the virtual scheduling form of the algorithm.
 */
export class SharedBuckets {
  readonly #words: BigInt64Array;
  readonly #sets: number;
  readonly #costMicros: number;
  readonly #depthMicros: number;
  readonly #nowMs: () => number;

  /**
   * @param memory  zeroed at first, the same for all threads; `SharedBuckets.bytes(keys)` of it.
   * @param nowMs   a clock that never goes back and has the same zero in every thread.
   */
  constructor(
    memory: ArrayBufferLike,
    { perSecond, burst }: BucketRule,
    nowMs: () => number,
    { offset = 0, bytes = memory.byteLength } = {},
  ) {
    this.#words = new BigInt64Array(memory, offset, bytes / 8);
    this.#sets = this.#words.length / ways;
    this.#costMicros = 1e6 / perSecond;
    this.#depthMicros = this.#costMicros * burst;
    this.#nowMs = nowMs;
  }

  /** Bytes of memory for so many keys, a power of two of at least 8. */
  static bytes(keys: number): number {
    return keys * 8;
  }

  /** Takes one token when there is one. */
  draw(key: string): Draw {
    return this.#change(key, this.#costMicros, this.#depthMicros);
  }

  /** Takes one token also when there is none: the bucket then owes, up to `depths` fillings. */
  charge(key: string, depths = 10): Draw {
    return this.#change(key, this.#costMicros, this.#depthMicros * depths);
  }

  /** What `draw` would say, without taking anything. */
  look(key: string): Draw {
    return this.#change(key, 0, 0);
  }

  #change(key: string, cost: number, limit: number): Draw {
    const { mark, set } = this.#placeOf(key);
    for (;;) {
      const now = this.#nowMs() * 1000;
      const { index, word } = this.#find(mark, set, now);
      const fullAt = (word & ~timeMask) === mark ? Math.max(now, Number(word & timeMask)) : now;
      const next = fullAt + cost;
      const allowed = next - now <= limit;
      if (cost === 0 || !allowed) return this.#say(fullAt - now, cost === 0);
      const changed = mark | (BigInt(Math.ceil(next)) & timeMask);
      if (Atomics.compareExchange(this.#words, index, word, changed) === word) return this.#say(next - now, true);
    }
  }

  #say(owedMicros: number, allowed: boolean): Draw {
    const left = this.#depthMicros - owedMicros;
    const waitMicros = Math.max(0, this.#costMicros - left);
    return {
      allowed,
      // Half a microsecond is what rounding up may have cost.
      remaining: Math.max(0, Math.floor((left + 1) / this.#costMicros)),
      waitMs: waitMicros <= 1 ? 0 : waitMicros / 1000,
      fullMs: owedMicros / 1000,
    };
  }

  /** The key's word, else the first that is full again, else the one that is full soonest. */
  #find(mark: bigint, set: number, now: number): { index: number; word: bigint } {
    let free: { index: number; word: bigint } | undefined;
    let freeAt = Number.POSITIVE_INFINITY;
    for (let index = set * ways; index < (set + 1) * ways; index++) {
      const word = Atomics.load(this.#words, index);
      if (word !== 0n && (word & ~timeMask) === mark) return { index, word };
      const fullAt = Math.max(now, Number(word & timeMask));
      if (fullAt >= freeAt) continue;
      freeAt = fullAt;
      free = { index, word };
    }
    return free as { index: number; word: bigint };
  }

  /** FNV-1a, once for the set and once, with another seed, for the mark. */
  #placeOf(key: string): { mark: bigint; set: number } {
    let low = 0x811c9dc5;
    let high = 0x01234567;
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x01000193);
    }
    low ^= low >>> 15;
    high ^= high >>> 13;
    // The sign bit stays clear, and a mark is never 0, which is an empty word.
    const mark = BigInt((high & 0x1fffe) | 1) << timeBits;
    return { mark, set: (low >>> 0) % this.#sets };
  }
}
