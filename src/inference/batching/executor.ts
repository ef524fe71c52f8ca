/** Work that is done one turn at a time: a model's waiting requests. */
export interface Lane {
  hasWork(): boolean;
  /** Does one batch. Never rejects: failures belong to the requests in it. */
  runTurn(): Promise<void>;
}

/** Lets the event loop read its sockets and deliver what they brought. */
export const eventLoopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Runs one thing at a time in this process. There is no timer: while a turn runs, requests collect, and the next
 * turn takes whatever has collected. Between turns the event loop gets to read the sockets.
 *
 * Lanes take turns in a circle. A load alternates with runs, and the model that was just loaded runs first, so
 * many cold models pass through memory one after another instead of piling up in it.
 */
export class Executor {
  readonly #lanes: Lane[] = [];
  readonly #known = new Set<Lane>();
  readonly #loads: (() => Promise<void>)[] = [];
  #draining = false;
  #lastWasLoad = false;

  /** Puts a lane in the circle; one that is already in it keeps its place unless it goes `first`. */
  wake(lane: Lane, first = false): void {
    if (this.#known.has(lane)) {
      if (!first) return;
      this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    }
    this.#known.add(lane);
    if (first) this.#lanes.unshift(lane);
    else this.#lanes.push(lane);
    this.#start();
  }

  /** Runs `load` in a turn of its own and gives its result. */
  load<T>(load: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#loads.push(() => load().then(resolve, reject));
      this.#start();
    });
  }

  #start(): void {
    if (this.#draining) return;
    this.#draining = true;
    void this.#drain();
  }

  async #drain(): Promise<void> {
    for (;;) {
      await eventLoopTurn();
      const turn = this.#next();
      if (!turn) break;
      await turn();
    }
    this.#draining = false;
  }

  #next(): (() => Promise<void>) | undefined {
    const load = this.#lastWasLoad && this.#lanes.length > 0 ? undefined : this.#loads.shift();
    this.#lastWasLoad = load !== undefined;
    if (load) return load;
    const lane = this.#lanes.shift();
    if (!lane) return undefined;
    this.#known.delete(lane);
    return async () => {
      await lane.runTurn();
      if (lane.hasWork()) this.wake(lane);
    };
  }
}
