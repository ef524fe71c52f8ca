import type { TensorMap, TensorSpec } from '../lib/tensor.ts';
import type {
  BackendAvailability,
  GenerationOptions,
  LoadedModel,
  LoadOptions,
  ModelPackage,
  OnDelta,
} from './backend.ts';
import type { BackendName } from './backends/index.ts';

/** A model as the engine knows it: by its bytes, never by its name. */
export interface EngineModel extends ModelPackage, LoadOptions {
  readonly framework: BackendName;
  /** `production` models run in another runner than `candidates`, so a candidate cannot take production down. */
  readonly serves: Serves;
  /** A single run that takes longer than this has hung; its runner is killed. */
  readonly runTimeoutMs: number;
}

export type Serves = 'production' | 'candidates';

/** What a text model says of itself. */
export interface TextInfo {
  readonly dimension: number;
  readonly maxTokens: number;
  readonly pooling: 'mean' | 'cls' | 'model';
  readonly normalize: boolean;
}

/** What the engine learnt when it loaded a model. */
export interface ModelInfo {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Present when the package brings its own tokenizer. */
  readonly text?: TextInfo;
  /** Of a model that reads features itself: what it takes and gives beside tensors. */
  readonly fields?: NonNullable<LoadedModel['fields']>;
  readonly memoryBytes: number;
  readonly loadMs: number;
}

/** Tensors for a tensor model, texts for one that tokenises itself, features as they came for one that reads them. */
export type EngineInput =
  | { readonly kind: 'tensors'; readonly tensors: TensorMap }
  | { readonly kind: 'texts'; readonly texts: readonly string[]; readonly normalize?: boolean }
  | {
      readonly kind: 'features';
      /** Plain JSON. */
      readonly features: unknown;
      readonly normalize?: boolean;
      readonly generation?: GenerationOptions;
    };

export interface EngineTiming {
  /** Milliseconds each; queue + tokenize + run + post is what the model cost this request. */
  readonly queueMs: number;
  readonly tokenizeMs: number;
  readonly runMs: number;
  readonly postMs: number;
}

export interface EngineResult {
  /** For texts there is one output, `embedding`, float32 `[texts, dimension]`. */
  readonly outputs: TensorMap;
  /** What a model that reads features itself answered, plain JSON; absent when it embedded texts. */
  readonly value?: unknown;
  /** Score of the best answer, where such a model gave one. */
  readonly confidence?: number;
  readonly timing: EngineTiming;
  /** Texts only: tokens used, and the indexes of texts that were cut at the model's limit. */
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly truncated?: readonly number[];
}

export interface PredictOptions {
  /** Milliseconds from now until the caller stops waiting. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Streaming, of inline models only: takes each piece of text; the model waits while the promise is pending. */
  readonly onDelta?: OnDelta;
}

export type ModelState = 'loading' | 'ready' | 'quarantined';
export type QuarantineReason = 'crash' | 'timeout' | 'memory';

export interface EngineModelStatus {
  readonly digest: string;
  readonly state: ModelState;
  readonly reason: QuarantineReason | null;
  readonly memoryBytes: number;
  readonly inFlight: number;
  readonly queued: number;
  /** Epoch milliseconds; null when it was never used. */
  readonly lastUsedAt: number | null;
  /** How often it was loaded since its runner started; absent where nothing is ever loaded. */
  readonly loads?: number;
}

export interface RunnerStatus {
  readonly id: string;
  readonly serves: Serves;
  readonly restarts: number;
  /** RssAnon of the process. */
  readonly memoryBytes: number;
}

export interface EngineStatus {
  readonly models: readonly EngineModelStatus[];
  readonly runners: readonly RunnerStatus[];
  readonly queues: { readonly inFlight: number; readonly queued: number; readonly limit: number };
  readonly backends: Readonly<Record<string, BackendAvailability>>;
}

/** Runs models. It has no idea where: `LocalEngine` runs them here, `RunnerClient` in a child process. */
export interface InferenceEngine {
  /**
   * Checks the package's files (the gate), then loads the model; a loaded one answers at once.
   * @throws AppError MODEL_*, BACKEND_*
   */
  load(model: EngineModel): Promise<ModelInfo>;
  /** @throws AppError INPUT_*, BACKEND_*, INFERENCE_TIMEOUT, MODEL_QUARANTINED, QUEUE_FULL */
  predict(model: EngineModel, input: EngineInput, options: PredictOptions): Promise<EngineResult>;
  /** Gives a quarantined model another chance. */
  release(digest: string): void;
  /** Forgets a model; requests in flight finish first. */
  unload(digest: string): Promise<void>;
  status(): Promise<EngineStatus>;
  close(): Promise<void>;
}
