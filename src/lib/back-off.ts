import { LRUCache } from 'lru-cache';
import { AppError } from '../errors.ts';

const firstMs = 1_000;
const longestMs = 30_000;
const remembered = 10_000;

interface Failure {
  readonly error: unknown;
  readonly waitMs: number;
  readonly until: number;
}

/**
 * Tries what failed not again at once, but after one second, then two, four and so on up to thirty; who asks
 * meanwhile is told so. A success, or `reset`, forgets what was.
 */
export class BackOff {
  readonly #now: () => number;
  readonly #counts: (error: unknown) => boolean;
  readonly #failures = new LRUCache<string, Failure>({ max: remembered });

  /**
   * @param now     milliseconds on a clock that never jumps.
   * @param counts  whether an error is a failure of the kind that time may cure.
   */
  constructor(now: () => number, counts: (error: unknown) => boolean) {
    this.#now = now;
    this.#counts = counts;
  }

  /** @throws AppError MODEL_UNAVAILABLE while it is too early, and whatever the attempt throws. */
  async attempt<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#failures.get(key);
    if (before && this.#now() < before.until) throw tooEarly(before, this.#now());
    try {
      const result = await work();
      this.#failures.delete(key);
      return result;
    } catch (error) {
      if (this.#counts(error)) {
        const waitMs = Math.min(longestMs, before ? before.waitMs * 2 : firstMs);
        this.#failures.set(key, { error, waitMs, until: this.#now() + waitMs });
      }
      throw error;
    }
  }

  reset(matches: (key: string) => boolean): void {
    for (const key of [...this.#failures.keys()]) if (matches(key)) this.#failures.delete(key);
  }
}

function tooEarly({ error, until }: Failure, now: number): AppError {
  const retryAfterSeconds = Math.max(1, Math.ceil((until - now) / 1_000));
  const why = error instanceof AppError ? ` (${error.code}: ${error.message})` : '';
  return new AppError(
    'MODEL_UNAVAILABLE',
    `The model could not be loaded${why}. It is tried again in ${retryAfterSeconds} s; reload it to try now.`,
    { retryAfterSeconds, cause: error },
  );
}
