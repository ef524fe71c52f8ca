import type { IncomingMessage } from 'node:http';
import { AppError } from '../../errors.ts';
import { type Draw, SharedBuckets } from '../../lib/shared-buckets.ts';
import { addressOf } from './address.ts';

/** Callers that a node tells apart; of more, those who asked longest ago start anew. */
const callers = 16_384;

/** Bytes that all threads share for `RATE_LIMIT`. */
export const rateLimitBytes: number = SharedBuckets.bytes(callers);

/**
 * `RATE_LIMIT`: requests per second and caller, by login, or by address for who has none. One second's worth may
 * come at once. Each request costs one, whatever it asks for.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets: SharedBuckets;

  constructor(perSecond: number, memory: ArrayBufferLike, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#buckets = new SharedBuckets(memory, { perSecond, burst: Math.max(1, perSecond) }, nowMs);
  }

  /**
   * Counts a request, before anything of its body is read.
   *
   * @param username  undefined for nobody.
   * @returns         headers for the reply, and the refusal when there is one.
   */
  count(incoming: IncomingMessage, username: string | undefined): Counted {
    const key = username === undefined ? `address ${addressOf(incoming)}` : `login ${username}`;
    const draw = this.#buckets.draw(key);
    return { headers: this.#headers(draw), ...(!draw.allowed && { refusal: this.#refusal(draw) }) };
  }

  #headers({ remaining, fullMs }: Draw): Readonly<Record<string, string>> {
    return {
      'ratelimit-limit': String(this.#perSecond),
      'ratelimit-remaining': String(remaining),
      'ratelimit-reset': String(Math.ceil(fullMs / 1000)),
    };
  }

  #refusal({ waitMs }: Draw): AppError {
    return new AppError(
      'RATE_LIMITED',
      `Expected at most ${this.#perSecond} requests per second of one caller. Wait as long as Retry-After says, then go on.`,
      { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) },
    );
  }
}

export interface Counted {
  readonly headers: Readonly<Record<string, string>>;
  readonly refusal?: AppError;
}
