/**
 * Holds something that must not be closed while it is used. `close` waits for work that has begun, closes
 * once, and may be called again; work that comes later is refused with the given error.
 */
export class Drain {
  readonly #close: () => Promise<void>;
  readonly #refusal: () => Error;
  #running = 0;
  #closed: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(close: () => Promise<void>, refusal: () => Error) {
    this.#close = close;
    this.#refusal = refusal;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#refusal();
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle?.();
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeWhenIdle();
    return this.#closed;
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#close();
  }
}
