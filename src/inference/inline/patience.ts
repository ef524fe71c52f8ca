import { timedOut } from '../batching/pending.ts';

/** How long a request is worth an answer: until its deadline, or until its caller leaves. `end` when it is over. */
export class Patience {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | undefined;

  constructor(timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    this.#timer = setTimeout(() => this.#controller.abort(timedOut()), timeoutMs);
    if (caller?.aborted) this.#leave();
    else caller?.addEventListener('abort', this.#leave, { once: true });
  }

  /** Aborts with INFERENCE_TIMEOUT, or with the reason of the caller's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly end = (): void => {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#leave);
  };

  readonly #leave = (): void => {
    this.#controller.abort(this.#caller?.reason);
  };
}
