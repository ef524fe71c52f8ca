import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { AppError } from '../../../errors.ts';

const failuresInARow = 5;
const restMs = 5_000;
/** A server that says nothing for so long is taken for one that hangs; shorter deadlines prove nothing. */
const hangsAfterMs = 5_000;

/** One try: it says when the first word came. */
export type Attempt<T> = (heard: () => void) => Promise<T>;

/**
 * Lets a server that failed five times in a row rest for five seconds: meanwhile questions are refused without
 * asking it. After that a small question of our own finds out whether it is back, so that no caller's long one has
 * to, and the others do not wait for it.
 */
export class Breaker {
  readonly #probe: () => Promise<unknown>;
  readonly #failures = new WeakSet<object>();
  readonly #policy = circuitBreaker(
    handleWhen((error) => this.#failures.has(error)),
    { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(failuresInARow) },
  );

  constructor(probe: () => Promise<unknown>) {
    this.#probe = probe;
  }

  /**
   * @param blames  whether a failure may be the server's; false where the question itself may have broken it.
   * @throws AppError UPSTREAM_UNAVAILABLE while the server rests, and whatever the attempt throws
   */
  async run<T>(attempt: Attempt<T>, blames = true): Promise<T> {
    try {
      if (this.#policy.state !== CircuitState.Closed)
        await this.#policy.execute(() => this.#counting(this.#probe, blames));
      return await this.#policy.execute(() => this.#counting(attempt, blames));
    } catch (error) {
      throw error instanceof BrokenCircuitError ? resting() : error;
    }
  }

  async #counting<T>(attempt: Attempt<T>, blames: boolean): Promise<T> {
    const begin = performance.now();
    let isSilent = true;
    try {
      return await attempt(() => {
        isSilent = false;
      });
    } catch (error) {
      const hangs = isSilent && performance.now() - begin >= hangsAfterMs;
      if (blames && error instanceof AppError && isFailure(error, hangs)) this.#failures.add(error);
      throw error;
    }
  }
}

const isFailure = ({ code }: AppError, hangs: boolean): boolean =>
  code === 'UPSTREAM_FAILED' || code === 'UPSTREAM_UNAVAILABLE' || (code === 'INFERENCE_TIMEOUT' && hangs);

const resting = (): AppError =>
  new AppError(
    'UPSTREAM_UNAVAILABLE',
    `The Ollama server failed ${failuresInARow} times in a row and is not asked for a few seconds. Try again later.`,
    { retryAfterSeconds: restMs / 1000 },
  );
