import { LRUCache } from 'lru-cache';

/** What the cache holds: something with a size that must be given back. */
export interface Disposable {
  readonly memoryBytes: number;
  dispose(): Promise<void>;
}

/** A model on loan. It stays alive until `release`, whatever the cache does meanwhile; `release` may be called twice. */
export interface Lease<T> {
  readonly model: T;
  release(): void;
}

export interface ModelCacheOptions {
  readonly maxModels: number;
  /** Budget of all cached models together. A larger one is served, then disposed. */
  readonly maxBytes: number;
  /** Is told when disposing a model failed; its memory may be lost. */
  readonly onDisposeError?: (error: unknown) => void;
}

class Entry<T extends Disposable> {
  readonly model: T;
  users = 0;
  retired = false;
  #disposed = false;
  readonly #onDisposeError: (error: unknown) => void;

  constructor(model: T, onDisposeError: (error: unknown) => void) {
    this.model = model;
    this.#onDisposeError = onDisposeError;
  }

  lend(): Lease<T> {
    let lent = true;
    return {
      model: this.model,
      release: () => {
        if (!lent) return;
        lent = false;
        this.users -= 1;
        this.disposeWhenUnused();
      },
    };
  }

  disposeWhenUnused(): void {
    if (!this.retired || this.users > 0 || this.#disposed) return;
    this.#disposed = true;
    this.model.dispose().catch(this.#onDisposeError);
  }
}

interface Loading<T extends Disposable> {
  readonly entry: Promise<Entry<T>>;
  waiting: number;
  /** Forgotten while it loaded: those who wait get it, the cache does not. */
  forgotten: boolean;
}

/**
 * Loaded models by key, the least recently used leaving first. Concurrent callers of one key share one load.
 * `lru-cache` disposes what is still in use and forgets to dispose what is larger than its budget, so entries are
 * counted here: a model is disposed when it has left the cache and its last user has released it.
 */
export class ModelCache<T extends Disposable> {
  readonly #entries: LRUCache<string, Entry<T>>;
  readonly #loading = new Map<string, Loading<T>>();
  readonly #onDisposeError: (error: unknown) => void;

  constructor(options: ModelCacheOptions) {
    this.#onDisposeError = options.onDisposeError ?? (() => {});
    this.#entries = new LRUCache<string, Entry<T>>({
      max: options.maxModels,
      maxSize: options.maxBytes,
      sizeCalculation: ({ model }) => Math.max(1, Math.ceil(model.memoryBytes)),
      dispose: (entry) => {
        entry.retired = true;
        entry.disposeWhenUnused();
      },
    });
  }

  /** A lease at once when the model is here; undefined when it would have to be loaded. */
  tryAcquire(key: string): Lease<T> | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    entry.users += 1;
    return entry.lend();
  }

  /**
   * A lease, after one shared call of `load` when the model is not here.
   *
   * @throws whatever `load` throws, to all who waited for it; the next caller loads again.
   */
  async acquire(key: string, load: () => Promise<T>): Promise<Lease<T>> {
    const here = this.tryAcquire(key);
    if (here) return here;
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = this.#startLoading(key, load);
      this.#loading.set(key, loading);
    }
    loading.waiting += 1;
    return (await loading.entry).lend();
  }

  #startLoading(key: string, load: () => Promise<T>): Loading<T> {
    const loadOnce = async () => {
      try {
        const entry = new Entry(await load(), this.#onDisposeError);
        // All who wait are counted before the first of them can release it.
        entry.users = loading.waiting;
        if (loading.forgotten) entry.retired = true;
        else this.#store(key, entry);
        return entry;
      } finally {
        if (this.#loading.get(key) === loading) this.#loading.delete(key);
      }
    };
    const loading: Loading<T> = { entry: Promise.resolve().then(loadOnce), waiting: 0, forgotten: false };
    return loading;
  }

  #store(key: string, entry: Entry<T>): void {
    this.#entries.set(key, entry);
    // An entry beyond the whole budget is dropped by lru-cache without a word.
    if (this.#entries.peek(key) !== entry) entry.retired = true;
  }

  /** Lets go of every model whose key matches; each is disposed when its last user has released it. */
  forget(matches: (key: string) => boolean): void {
    for (const key of [...this.#entries.keys()]) if (matches(key)) this.#entries.delete(key);
    for (const [key, loading] of this.#loading) {
      if (!matches(key)) continue;
      loading.forgotten = true;
      this.#loading.delete(key);
    }
  }

  /** The models that are here, without touching their order of use. */
  *entries(): IterableIterator<{ key: string; model: T; users: number }> {
    for (const [key, { model, users }] of this.#entries.entries()) yield { key, model, users };
  }

  /** Keys that are being loaded. */
  loading(): IterableIterator<string> {
    return this.#loading.keys();
  }
}
