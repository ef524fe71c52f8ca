import { LRUCache } from 'lru-cache';
import { AppError } from '../errors.ts';
import { BackOff } from '../lib/back-off.ts';
import type { Backend, LoadedModel, ModelPackage } from './backend.ts';
import { Executor } from './batching/executor.ts';
import { asLoadError } from './batching/failures.ts';
import { MergeProofs } from './batching/merge-proof.ts';
import { monotonicMs } from './batching/monotonic.ts';
import { Pending } from './batching/pending.ts';
import { ResidentModel } from './batching/resident-model.ts';
import { nobodyWatches, type RunWatch, watched } from './batching/run-watch.ts';
import { verifyStoredDigest } from './batching/stored-digest.ts';
import type { TextModel } from './batching/text-lane.ts';
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
import { type Lease, ModelCache } from './model-cache.ts';

/** How a package states its text settings differently from its own files. */
export type TextOverrides = Pick<EngineModel, 'pooling' | 'normalize' | 'maxTokens'>;

/** What the engine keeps of the gate's report. */
export interface InspectedPackage {
  readonly inputs: readonly { readonly name: string; readonly anyShape?: true }[];
}

export interface LocalEngineOptions {
  readonly backends: Readonly<Record<string, () => Backend>>;
  /** The gate: rejects a package that native code must not see. Asked once per digest. */
  readonly inspect: (files: Pick<EngineModel, 'directory' | 'entry' | 'framework'>) => Promise<InspectedPackage>;
  /** Opens the tokenizer that lies in a package; undefined when there is none. */
  readonly openText: (
    files: ModelPackage,
    loaded: LoadedModel,
    overrides: TextOverrides,
  ) => Promise<TextModel | undefined>;
  readonly maxModels?: number;
  readonly maxBytes?: number;
  /** Requests that may wait; the next one is refused. */
  readonly queueLimit?: number;
  readonly loadTimeoutMs?: number;
  readonly watch?: RunWatch;
  readonly onDisposeError?: (error: unknown) => void;
}

/** A submitted request: its answer, and a way to no longer want it. */
export interface Ticket {
  readonly result: Promise<EngineResult>;
  cancel(reason: unknown): void;
}

/** Verdicts of the gate that are remembered; a model beyond is walked again when it is loaded again. */
const REMEMBERED = 10_000;

/** Runs models in this process, one thing at a time: inside a runner, and in tests. */
export class LocalEngine implements InferenceEngine {
  readonly #options: LocalEngineOptions & {
    maxModels: number;
    maxBytes: number;
    queueLimit: number;
    loadTimeoutMs: number;
  };
  readonly #cache: ModelCache<ResidentModel>;
  readonly #executor = new Executor();
  readonly #proofs = new MergeProofs();
  readonly #usage = new UsageCounter();
  readonly #backOff = new BackOff(monotonicMs, mayPass);
  readonly #inspected = new LRUCache<string, InspectedPackage>({ max: REMEMBERED });
  readonly #backends = new Map<string, Backend>();
  readonly #watch: RunWatch;
  #closed = false;

  constructor(options: LocalEngineOptions) {
    this.#options = { maxModels: 10, maxBytes: 2 ** 31, queueLimit: 256, loadTimeoutMs: 120_000, ...options };
    this.#watch = options.watch ?? nobodyWatches;
    const { maxModels, maxBytes, onDisposeError } = this.#options;
    this.#cache = new ModelCache({ maxModels, maxBytes, ...(onDisposeError && { onDisposeError }) });
  }

  async load(model: EngineModel): Promise<ModelInfo> {
    this.#checkOpen();
    // Who asks for the load itself, to register or reload a model, wants it tried.
    this.#backOff.reset((key) => key === keyOf(model));
    const lease = await this.#acquire(model);
    lease.release();
    return lease.model.info;
  }

  predict(model: EngineModel, input: EngineInput, { timeoutMs, signal }: PredictOptions): Promise<EngineResult> {
    const now = monotonicMs();
    const ticket = this.submit(model, input, now + timeoutMs, now);
    if (!signal) return ticket.result;
    const cancel = () => ticket.cancel(signal.reason);
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    return ticket.result.finally(() => signal.removeEventListener('abort', cancel));
  }

  /**
   * `predict` without its conveniences, for the runner.
   *
   * @param deadline    on the clock of `monotonicMs`, as is `enqueuedAt`.
   */
  submit(model: EngineModel, input: EngineInput, deadline: number, enqueuedAt: number): Ticket {
    let lease: Lease<ResidentModel> | undefined;
    const count = this.#usage.enter(model.digest);
    const pending = new Pending<EngineResult>(deadline, enqueuedAt, (from, to) => {
      count(from, to);
      if (to === 'settled') lease?.release();
    });
    const enqueue = (acquired: Lease<ResidentModel>, first: boolean) => {
      lease = acquired;
      if (pending.state === 'settled') return acquired.release();
      acquired.model.runTimeoutMs = model.runTimeoutMs;
      try {
        this.#executor.wake(acquired.model.add(input, pending), first);
      } catch (error) {
        pending.reject(error);
      }
    };
    const fail = (error: unknown) => pending.reject(error);
    if (this.#closed) fail(closed());
    else if (this.#usage.total.queued > this.#options.queueLimit) fail(this.#queueFull());
    else {
      const here = this.#cache.tryAcquire(keyOf(model));
      if (here) enqueue(here, false);
      else this.#acquire(model).then((acquired) => enqueue(acquired, true), fail);
    }
    return { result: pending.result, cancel: fail };
  }

  /** Nothing is quarantined here: that is for those who see a process die. */
  release(): void {}

  async unload(digest: string): Promise<void> {
    // Whoever wants it loaded anew wants it looked at anew.
    for (const files of this.#inspected.keys()) if (files.startsWith(digest)) this.#inspected.delete(files);
    this.#cache.forget((key) => key.startsWith(digest));
    this.#backOff.reset((key) => key.startsWith(digest));
  }

  async status(): Promise<EngineStatus> {
    return { ...this.statusNow(), backends: await this.availability() };
  }

  /** `status` without asking the frameworks, some of which must start to say anything. */
  statusNow(): Omit<EngineStatus, 'backends'> {
    return {
      models: this.#modelStatus(),
      runners: [],
      queues: { ...this.#usage.total, limit: this.#options.queueLimit },
    };
  }

  /** Which frameworks can run in this process. */
  async availability(): Promise<EngineStatus['backends']> {
    const names = Object.keys(this.#options.backends);
    const answers = names.map(async (name) => [name, await this.#backend(name).availability()] as const);
    return Object.fromEntries(await Promise.all(answers));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cache.forget(() => true);
  }

  #modelStatus(): EngineModelStatus[] {
    const byDigest = new Map<string, EngineModelStatus>();
    const add = (key: string, state: 'ready' | 'loading', memoryBytes: number) => {
      const digest = digestOf(key);
      const others = byDigest.get(digest)?.memoryBytes ?? 0;
      byDigest.set(digest, {
        digest,
        state,
        reason: null,
        memoryBytes: memoryBytes + others,
        ...this.#usage.get(digest),
      });
    };
    for (const key of this.#cache.loading()) add(key, 'loading', 0);
    for (const { key, model } of this.#cache.entries()) add(key, 'ready', model.memoryBytes);
    return [...byDigest.values()];
  }

  #acquire(model: EngineModel): Promise<Lease<ResidentModel>> {
    const load = () =>
      this.#executor.load(() =>
        watched(this.#watch, model.digest, 'load', this.#options.loadTimeoutMs, () => this.#load(model)).catch(
          (error: unknown) => {
            throw asLoadError(error);
          },
        ),
      );
    return this.#cache.acquire(keyOf(model), () => this.#backOff.attempt(keyOf(model), load));
  }

  async #load(model: EngineModel): Promise<ResidentModel> {
    const startedAt = monotonicMs();
    await verifyStoredDigest(model);
    const { inputs } = await this.#inspect(model);
    const anyShape = new Set(inputs.flatMap((input) => (input.anyShape ? [input.name] : [])));
    this.#usage.countLoad(model.digest);
    const loaded = await this.#backend(model.framework).load(model, model);
    try {
      // A model that tokenises or reads features itself needs nobody to do so for it.
      const text = loaded.text ?? (loaded.ask ? undefined : await this.#options.openText(model, loaded, model));
      return new ResidentModel({
        model,
        loaded,
        text,
        loadMs: monotonicMs() - startedAt,
        anyShape,
        proofs: this.#proofs,
        watch: this.#watch,
      });
    } catch (error) {
      await loaded.dispose();
      throw error;
    }
  }

  async #inspect(model: EngineModel): Promise<InspectedPackage> {
    const files = filesOf(model);
    const known = this.#inspected.get(files);
    if (known) return known;
    const { directory, entry, framework } = model;
    const report = await this.#options.inspect({ directory, entry, framework });
    // The gate's whole report is many times larger.
    const kept = { inputs: report.inputs.map(({ name, anyShape }) => ({ name, ...(anyShape && { anyShape }) })) };
    this.#inspected.set(files, kept);
    return kept;
  }

  #backend(name: string): Backend {
    let backend = this.#backends.get(name);
    if (!backend) {
      const create = Object.hasOwn(this.#options.backends, name) ? this.#options.backends[name] : undefined;
      if (!create) {
        const known = Object.keys(this.#options.backends).join(', ');
        throw new AppError('BACKEND_NOT_INSTALLED', `Expected one of the frameworks ${known}, got ${name}`);
      }
      backend = create();
      this.#backends.set(name, backend);
    }
    return backend;
  }

  #queueFull(): AppError {
    return new AppError(
      'QUEUE_FULL',
      `Expected at most ${this.#options.queueLimit} waiting requests; the queue is full, try again in a second`,
      {
        retryAfterSeconds: 1,
      },
    );
  }

  #checkOpen(): void {
    if (this.#closed) throw closed();
  }
}

/** Time installs no framework and no device; finding that out anew costs little. */
const mayPass = (error: unknown): boolean =>
  !(error instanceof AppError && ['BACKEND_NOT_INSTALLED', 'DEVICE_UNAVAILABLE'].includes(error.code));

const closed = (): AppError =>
  new AppError('NOT_READY', 'The inference engine is shutting down; try again', { retryAfterSeconds: 1 });

/** Models with the same bytes and the same ways of loading share one place in memory. */
const keyOf = (model: EngineModel): string => `${filesOf(model)}|${optionsOf(model)}`;

/** The same bytes may be asked for as another framework, or with another file of the package as the model. */
const filesOf = ({ digest, framework, entry }: EngineModel): string => `${digest}|${framework}|${entry}`;

const optionsOf = ({ device, threads, taskType, pooling, normalize, maxTokens }: EngineModel): string =>
  `${device ?? 'cpu'}|${threads ?? 1}|${taskType ?? ''}|${pooling ?? ''}|${normalize ?? ''}|${maxTokens ?? ''}`;

const digestOf = (key: string): string => key.slice(0, key.indexOf('|'));
