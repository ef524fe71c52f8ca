interface Waiting {
  readonly enter: () => void;
}

/**
 * A fixed number of places. Who finds none waits in order of coming, and leaves the line at once when its signal
 * aborts. (`cockatiel`'s bulkhead keeps those who left in line, and stops when it comes to one of them.)
 */
export class Slots {
  #free: number;
  readonly #line = new Set<Waiting>();

  constructor(count: number) {
    this.#free = count;
  }

  get free(): number {
    return this.#free;
  }

  /**
   * @returns a way to give the place back, which may be called twice.
   * @throws  the signal's reason
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#line.delete(waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.add(waiting);
    });
  }

  #next(): void {
    const [first] = this.#line;
    if (!first) {
      this.#free += 1;
      return;
    }
    this.#line.delete(first);
    first.enter();
  }
}
