import { AppError } from '../errors.ts';
import { Slots } from '../lib/slots.ts';
import { untilAborted } from '../lib/until-aborted.ts';
import type { Answer, Asking, Backend, LoadedModel } from './backend.ts';
import { asLoadError, asRunError } from './batching/failures.ts';
import { monotonicMs } from './batching/monotonic.ts';
import type { PendingState } from './batching/pending.ts';
import { UsageCounter } from './batching/usage.ts';
import type {
  EngineInput,
  EngineModel,
  EngineModelStatus,
  EngineResult,
  EngineStatus,
  InferenceEngine,
  ModelInfo,
  PredictOptions,
} from './engine.ts';
import { Patience } from './inline/patience.ts';
import { type Disposable, type Lease, ModelCache } from './model-cache.ts';

export interface InlineEngineOptions {
  readonly backends: Readonly<Record<string, () => Backend>>;
  /** The gate: refuses a package that is not what it is said to be. */
  readonly inspect: (files: Pick<EngineModel, 'directory' | 'entry' | 'framework'>) => Promise<unknown>;
  readonly maxModels?: number;
  /** Questions to one model under way at once; further ones wait in this thread. */
  readonly concurrency?: number;
  /** Requests that may wait, of all models together; the next one is refused. */
  readonly queueLimit?: number;
}

interface Resident extends Disposable {
  readonly info: ModelInfo;
  readonly loaded: LoadedModel;
  readonly slots: Slots;
}

/**
 * Runs models that only wait for others: those of a server elsewhere. It works in the HTTP thread, so every thread
 * has one, with counts and a queue of its own; nothing in it computes.
 */
export class InlineEngine implements InferenceEngine {
  readonly #options: Required<InlineEngineOptions>;
  readonly #backends = new Map<string, Backend>();
  readonly #cache: ModelCache<Resident>;
  readonly #usage = new UsageCounter();
  /** Requests in line for a place, of all models together. */
  #waiting = 0;
  #closed = false;

  constructor(options: InlineEngineOptions) {
    this.#options = { maxModels: 100, concurrency: 16, queueLimit: 256, ...options };
    // What such a model holds in memory is a name, so only their number counts.
    this.#cache = new ModelCache({ maxModels: this.#options.maxModels, maxBytes: Number.MAX_SAFE_INTEGER });
  }

  async load(model: EngineModel): Promise<ModelInfo> {
    const lease = await this.#acquire(model);
    lease.release();
    return lease.model.info;
  }

  async predict(model: EngineModel, input: EngineInput, options: PredictOptions): Promise<EngineResult> {
    if (this.#closed) throw closed();
    const enqueuedAt = monotonicMs();
    const patience = new Patience(options.timeoutMs, options.signal);
    const count = this.#usage.enter(model.digest);
    let state: PendingState = 'queued';
    const move = (to: PendingState) => {
      count(state, to);
      state = to;
    };
    const leave: (() => void)[] = [patience.end, () => move('settled')];
    try {
      const lease = await this.#acquireFor(model, patience.signal);
      leave.unshift(lease.release);
      leave.unshift(await this.#enter(lease.model.slots, patience.signal));
      move('running');
      const startedAt = monotonicMs();
      const answer = await ask(lease.model.loaded, input, patience.signal, options.onDelta);
      return resultOf(answer, startedAt - enqueuedAt, monotonicMs() - startedAt);
    } catch (error) {
      throw patience.signal.aborted ? patience.signal.reason : asRunError(error);
    } finally {
      for (const each of leave) each();
    }
  }

  /** Nothing is quarantined here: no model of these can harm the process. */
  release(): void {}

  async unload(digest: string): Promise<void> {
    this.#cache.forget((key) => key.startsWith(digest));
  }

  async status(): Promise<EngineStatus> {
    const models: EngineModelStatus[] = [...this.#cache.entries()].map(({ key, model: { memoryBytes } }) => {
      const digest = key.slice(0, key.indexOf('|'));
      return { digest, state: 'ready', reason: null, memoryBytes, ...this.#usage.get(digest) };
    });
    const names = Object.keys(this.#options.backends);
    const answers = names.map(async (name) => [name, await this.#backend(name).availability()] as const);
    const backends = Object.fromEntries(await Promise.all(answers));
    return { models, runners: [], queues: { ...this.#usage.total, limit: this.#options.queueLimit }, backends };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cache.forget(() => true);
  }

  /** A place at the model; only those who find none count against the queue. */
  async #enter(slots: Slots, signal: AbortSignal): Promise<() => void> {
    if (slots.free > 0) return slots.take(signal);
    if (this.#waiting >= this.#options.queueLimit) throw queueFull(this.#options.queueLimit);
    this.#waiting += 1;
    try {
      return await slots.take(signal);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** A lease for one who may leave while the model loads; then it is given back once it comes. */
  async #acquireFor(model: EngineModel, signal: AbortSignal): Promise<Lease<Resident>> {
    const here = this.#cache.tryAcquire(keyOf(model));
    if (here) return here;
    const coming = this.#acquire(model);
    try {
      return await untilAborted(coming, signal);
    } catch (error) {
      coming.then(({ release }) => release()).catch(() => {});
      throw error;
    }
  }

  async #acquire(model: EngineModel): Promise<Lease<Resident>> {
    if (this.#closed) throw closed();
    return this.#cache.acquire(keyOf(model), () => this.#load(model));
  }

  async #load(model: EngineModel): Promise<Resident> {
    const startedAt = monotonicMs();
    const { directory, entry, framework } = model;
    await this.#options.inspect({ directory, entry, framework });
    const loaded = await this.#backend(framework)
      .load(model, model)
      .catch((error: unknown) => {
        throw asLoadError(error);
      });
    const { inputs, outputs, memoryBytes, text, fields } = loaded;
    const info = {
      inputs,
      outputs,
      ...(text && { text: text.info }),
      ...(fields && { fields }),
      memoryBytes,
      loadMs: monotonicMs() - startedAt,
    };
    return { info, loaded, slots: new Slots(this.#options.concurrency), memoryBytes, dispose: () => loaded.dispose() };
  }

  #backend(name: string): Backend {
    let backend = this.#backends.get(name);
    if (!backend) {
      const create = Object.hasOwn(this.#options.backends, name) ? this.#options.backends[name] : undefined;
      if (!create) throw new AppError('BACKEND_NOT_INSTALLED', `No backend here runs the framework ${name}.`);
      backend = create();
      this.#backends.set(name, backend);
    }
    return backend;
  }
}

async function ask(
  loaded: LoadedModel,
  input: EngineInput,
  signal: AbortSignal,
  onDelta: PredictOptions['onDelta'],
): Promise<Answer | { readonly outputs: EngineResult['outputs'] }> {
  if (input.kind === 'tensors' || !loaded.ask) {
    return { outputs: await loaded.predict(input.kind === 'tensors' ? input.tensors : {}) };
  }
  const { normalize } = input;
  const asking: Asking = {
    signal,
    ...(normalize !== undefined && { normalize }),
    ...(input.kind === 'features' && input.generation && { generation: input.generation }),
    ...(onDelta && { onDelta }),
  };
  return loaded.ask(input.kind === 'features' ? input.features : { texts: input.texts }, asking);
}

function resultOf(
  answer: Answer | { readonly outputs: EngineResult['outputs'] },
  queueMs: number,
  runMs: number,
): EngineResult {
  const timing = { queueMs, tokenizeMs: 0, runMs, postMs: 0 };
  if ('outputs' in answer) return { outputs: answer.outputs, timing };
  const { embedding, ...rest } = answer as Answer;
  return { outputs: embedding ? { embedding } : {}, ...rest, timing };
}

/** Models with the same bytes and the same way of loading share one place. */
const keyOf = ({ digest, framework, entry, device = 'cpu' }: EngineModel): string =>
  `${digest}|${framework}|${entry}|${device}`;

const closed = (): AppError =>
  new AppError('NOT_READY', 'The inference engine is shutting down; try again', { retryAfterSeconds: 1 });

const queueFull = (limit: number): AppError =>
  new AppError('QUEUE_FULL', `Expected at most ${limit} waiting requests; the queue is full, try again in a second`, {
    retryAfterSeconds: 1,
  });
