import type { Tensor, TensorMap, TensorSpec } from '../lib/tensor.ts';
import type { FeatureSpec } from '../registry/model-schema.ts';
import type { TextEncoder } from './text/text-encoder.ts';

/** Where a model's files lie and how they are to be loaded. */
export interface ModelPackage {
  /** sha256 of the stored bytes, lower-case hexadecimal. */
  readonly digest: string;
  /** Absolute path of the folder that holds the package's files; a bare file is a package of one. */
  readonly directory: string;
  /** The model file inside `directory`: the `.onnx` file, or `model.json`. */
  readonly entry: string;
}

export interface LoadOptions {
  /** Execution provider, `cpu` unless said. */
  readonly device?: string;
  /** Intra-op threads of one session; 1 is the safe default on small machines. */
  readonly threads?: number;
  /** What the model's metadata calls its task; backends that read features themselves choose their pipeline by it. */
  readonly taskType?: string;
  /** Text models: how token vectors become one vector. Defaults come from the package's own files. */
  readonly pooling?: 'mean' | 'cls';
  readonly normalize?: boolean;
  readonly maxTokens?: number;
}

/**
 * A model in memory. `predict` may be called again before the last call returned; a backend that cannot
 * run two at once puts them in order itself. After `dispose`, which may be called twice, `predict` rejects.
 */
export interface LoadedModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** What a model that has `ask` takes and gives beside tensors, when the client declares nothing else. */
  readonly fields?: { readonly inputs: readonly FeatureSpec[]; readonly outputs: readonly FeatureSpec[] };
  /** Bytes this model is thought to hold in memory. */
  readonly memoryBytes: number;
  /**
   * @param inputs  by name; optional inputs may be absent. Checked against `inputs` by the caller.
   * @returns       every output by name with its true dtype and shape.
   * @throws        AppError BACKEND_FAILED, MODEL_RESOURCE
   */
  predict(inputs: TensorMap): Promise<TensorMap>;
  /** A model that embeds texts and brings its own tokenizer; else the engine looks for one in the package. */
  readonly text?: TextEncoder;
  /** A model that reads the caller's features itself: a pipeline, or a server elsewhere. It has no tensors to name. */
  ask?(features: unknown, asking: Asking): Promise<Answer>;
  dispose(): Promise<void>;
}

/** Takes a piece of text as it is made; whoever makes it waits for the promise, where one is given. */
export type OnDelta = (text: string) => Promise<void> | undefined | void;

/** How features are to be answered. */
export interface Asking {
  /** Aborts when nobody waits any more, or the deadline has passed. */
  readonly signal: AbortSignal;
  /** Embeddings: scale vectors to length 1; the model's own setting unless said. */
  readonly normalize?: boolean;
  /** Settings of a text generator, checked by its backend. */
  readonly generation?: GenerationOptions;
  /** Takes each piece of text as it is made; the model waits while the promise is pending. */
  readonly onDelta?: OnDelta;
  /** To be called before each piece of work that may hang: the watchdog then gives that piece the whole time limit. */
  readonly onStep?: () => void;
}

/** Settings of a text generator that callers may choose; `format` is `json` or a JSON schema. */
export interface GenerationOptions {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly seed?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  /** Tokens to make at most. */
  readonly num_predict?: number | undefined;
  /** Tokens of context. */
  readonly num_ctx?: number | undefined;
  readonly format?: 'json' | Readonly<Record<string, unknown>> | undefined;
}

export interface Answer {
  /** The prediction, as plain JSON. */
  readonly value?: unknown;
  /** Score of the best answer, where there is one input and the model scores answers; never invented. */
  readonly confidence?: number;
  /** Where texts were embedded, in place of `value`: float32 `[texts, dimension]`. */
  readonly embedding?: Tensor;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  /** Indexes of texts that were cut at the model's limit. */
  readonly truncated?: readonly number[];
}

/** What backends are told of the server's settings; a runner has no environment to read them from. */
export interface BackendSettings {
  /** Whether a framework may ask its public hub for what a package lacks. */
  readonly allowRemoteModels?: boolean;
  /** Where the Ollama server is. */
  readonly ollamaHost?: URL;
  /** The Ollama model of packages that name none. */
  readonly ollamaDefaultModel?: string;
}

/** One framework. A backend imports its package inside `load`, so an absent one costs nothing until used. */
export interface Backend {
  readonly placement: 'runner' | 'inline';
  /** @throws AppError BACKEND_NOT_INSTALLED, MODEL_LOAD_FAILED, MODEL_RESOURCE, DEVICE_UNAVAILABLE */
  load(model: ModelPackage, options: LoadOptions): Promise<LoadedModel>;
  /** Whether the framework can run here, and on what. Never throws. */
  availability(): Promise<BackendAvailability>;
}

export interface BackendAvailability {
  readonly available: boolean;
  readonly runtime?: 'native' | 'wasm' | 'cpu';
  readonly version?: string;
  readonly devices?: readonly string[];
  /** Why it is not available and what to do. */
  readonly detail?: string;
}
