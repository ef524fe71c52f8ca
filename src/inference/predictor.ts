import { AppError } from '../errors.ts';
import { BackOff } from '../lib/back-off.ts';
import type { Metadata } from '../registry/metadata.ts';
import { isTensorSpec, type Model } from '../registry/model.ts';
import type { LocalPackage } from '../registry/package-store.ts';
import type { GenerationOptions, OnDelta } from './backend.ts';
import type { EngineInput, EngineModel, EngineResult, InferenceEngine, Serves } from './engine.ts';
import { refuseUnfitOptions } from './generator-options.ts';
import { sampleFeatures } from './sample-features.ts';
import { interpret, outputsToJson } from './tasks/interpret.ts';
import { featuresToTensors } from './tensor-json/features-to-tensors.ts';
import { asStringInput, type TextFeatures, textsOf } from './text-features.ts';

export interface PredictorOptions {
  readonly raw?: boolean | undefined;
  readonly timing?: boolean | undefined;
  readonly normalize?: boolean | undefined;
  /** Lowers the model's own limit; never raises it. */
  readonly timeoutMs?: number | undefined;
  /** For text generators only; other models refuse them. */
  readonly generation?: GenerationOptions | undefined;
}

/** Who waits for a prediction, and how. */
export interface Waiting {
  /** Aborts when nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
  /** Takes each piece of text of a generator as it is made. */
  readonly onDelta?: OnDelta | undefined;
}

export interface Prediction {
  readonly prediction: unknown;
  readonly confidence: number | null;
  /** queue + tokenize + run + post, in milliseconds. */
  readonly latencyMs: number;
  readonly timing: {
    readonly queueMs: number;
    readonly tokenizeMs: number;
    readonly runMs: number;
    readonly postMs: number;
  };
  /** Every output by name, when asked for with `raw`. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly truncated?: readonly number[];
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  /** The vectors of a text model, for callers inside the house. */
  readonly vectors?: { readonly data: Float32Array; readonly dimension: number };
}

export interface PredictorPorts {
  readonly engine: InferenceEngine;
  readonly packageOf: (model: Model) => Promise<LocalPackage>;
  /** Whether a package was removed from this node since. */
  readonly isGone: (local: LocalPackage) => Promise<boolean>;
  readonly timeoutMs: number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

/** Asks a model: features in, the answer in the terms of its task out. */
export class Predictor {
  readonly #ports: PredictorPorts;
  readonly #described = new WeakMap<Model, EngineModel>();
  /** By digest, of models whose stored bytes cannot be had. */
  readonly #backOff: BackOff;

  constructor(ports: PredictorPorts) {
    this.#ports = ports;
    this.#backOff = new BackOff(ports.elapsed, isUnavailable);
  }

  /** @throws AppError INPUT_*, INVALID_INPUT, BATCH_LIMIT, BACKEND_*, INFERENCE_TIMEOUT, MODEL_QUARANTINED, ... */
  async predict(
    model: Model,
    features: unknown,
    options: PredictorOptions = {},
    { signal, onDelta }: Waiting = {},
  ): Promise<Prediction> {
    const input = engineInput(model, features, options);
    const generate = input.kind === 'features';
    const stream = generate && model.framework === 'ollama';
    refuseUnfitOptions(options.generation, onDelta !== undefined, { generate, stream });
    let started = 0;
    const result = await this.#onPackage(model, (loadable) => {
      started = this.#ports.elapsed();
      const timeoutMs = Math.min(options.timeoutMs ?? loadable.runTimeoutMs, loadable.runTimeoutMs);
      const waiting = { timeoutMs, ...(signal && { signal }), ...(onDelta && { onDelta }) };
      return this.#ports.engine.predict(loadable, input, waiting);
    });
    const answered = this.#ports.elapsed();
    const interpretation = interpret(model.metadata, result, input.kind !== 'tensors');
    const finished = this.#ports.elapsed();
    return {
      ...interpretation,
      ...measured(result, answered - started, finished - answered),
      ...(options.raw && { outputs: outputsToJson(result.outputs) }),
      ...(result.truncated && { truncated: result.truncated }),
      ...(result.promptTokens !== undefined && { promptTokens: result.promptTokens }),
      ...(result.completionTokens !== undefined && { completionTokens: result.completionTokens }),
      ...(input.kind !== 'tensors' && vectorsOf(result)),
    };
  }

  /** Loads a model anew, out of quarantine if it is there. @returns milliseconds */
  async reload(model: Model): Promise<number> {
    this.#ports.engine.release(model.digest);
    const loadMs = await this.loadAnew(model);
    if (model.metadata.preload) await this.warmUp(model);
    return loadMs;
  }

  /** Drops a model from memory, once its requests are answered, and loads it again. @returns milliseconds */
  async loadAnew(model: Model): Promise<number> {
    const { engine } = this.#ports;
    return this.#onPackage(model, async (loadable) => {
      await engine.unload(model.digest);
      const { loadMs } = await engine.load(loadable);
      return loadMs;
    });
  }

  /**
   * Loads a model and runs it once on a small input, since a first run costs more than the next; a model whose input
   * cannot be made up is only loaded. An input that the model does not like is no error.
   *
   * @throws AppError MODEL_*, BACKEND_*, ... when it does not load
   */
  async warmUp(model: Model): Promise<void> {
    await this.#onPackage(model, (loadable) => this.#ports.engine.load(loadable));
    const features = sampleFeatures(model);
    if (features !== undefined) await this.predict(model, features).catch(() => undefined);
  }

  /**
   * Works with a model's package. When that was removed on the way, as happens to one that is deleted, or deleted and
   * registered again, it is asked for anew: who waits then hears that the model is gone, or gets its answer.
   */
  async #onPackage<T>(model: Model, work: (loadable: EngineModel) => Promise<T>): Promise<T> {
    const loadable = await this.engineModel(model);
    try {
      return await work(loadable);
    } catch (error) {
      if (!mayBeOfLoad(error) || !(await this.#ports.isGone(loadable))) throw error;
      this.#described.delete(model);
      // That the files were gone is no reason to wait before they are loaded.
      await this.#ports.engine.unload(model.digest);
      return work(await this.engineModel(model));
    }
  }

  /** How the engine knows this model; the same object for the same model, so that others may remember by it. */
  async engineModel(model: Model): Promise<EngineModel> {
    const known = this.#described.get(model);
    if (known) return known;
    const local = await this.#backOff.attempt(model.digest, () => this.#ports.packageOf(model));
    const serves = model.stage === 'production' ? 'production' : 'candidates';
    const described = describe(local, model.framework, model.metadata, serves, this.#ports.timeoutMs);
    this.#described.set(model, described);
    return described;
  }
}

/** Describes a package to the engine, with the metadata that changes how it is loaded. */
export function describe(
  local: LocalPackage,
  framework: string,
  metadata: Metadata,
  serves: Serves,
  timeoutMs: number,
): EngineModel {
  const { ml_config: text = {}, serving = {} } = metadata;
  return {
    ...local,
    framework: framework as EngineModel['framework'],
    serves,
    runTimeoutMs: serving.timeoutMs ?? timeoutMs,
    ...(serving.device !== undefined && { device: serving.device }),
    ...(serving.threads !== undefined && { threads: serving.threads }),
    ...(readsFeatures.has(framework) && metadata.taskType !== undefined && { taskType: metadata.taskType }),
    ...(text.pooling && { pooling: text.pooling }),
    ...(text.normalization !== undefined && { normalize: text.normalization }),
    ...(text.max_sequence_length !== undefined && { maxTokens: text.max_sequence_length }),
  };
}

const isUnavailable = (error: unknown): boolean => error instanceof AppError && error.code === 'MODEL_UNAVAILABLE';

const mayBeOfLoad = (error: unknown): boolean =>
  error instanceof AppError && (error.code.startsWith('MODEL_') || error.code === 'DIGEST_MISMATCH');

/** Frameworks whose models read features themselves, unless they embed texts with a tokenizer of their own. */
const readsFeatures = new Set(['transformers', 'ollama']);

/** Whether a model turns texts into vectors, whatever its framework. */
export const embedsTexts = ({ info, framework, outputSchema }: Model): boolean =>
  info !== undefined ||
  (readsFeatures.has(framework) &&
    outputSchema.outputs.some((spec) => isTensorSpec(spec) && spec.name === 'embedding'));

function engineInput(model: Model, features: unknown, { normalize, generation }: PredictorOptions): EngineInput {
  const isText = model.info !== undefined;
  const tensors = model.inputSchema.inputs.filter(isTensorSpec);
  const given: TextFeatures | undefined = isText ? textsOf(features, tensors) : undefined;
  if (given) return { kind: 'texts', texts: given.texts, ...(normalize !== undefined && { normalize }) };
  if (readsFeatures.has(model.framework)) {
    return {
      kind: 'features',
      features,
      ...(normalize !== undefined && { normalize }),
      ...(generation && { generation }),
    };
  }
  if (!isText && model.metadata.taskType === 'text-embedding') {
    throw new AppError(
      'INVALID_INPUT',
      `Model ${model.id} has no tokenizer in its package, so it cannot take texts. Upload it as a zip with tokenizer.json beside the model file.`,
    );
  }
  return { kind: 'tensors', tensors: featuresToTensors(asStringInput(features, tensors), tensors) };
}

/** What is neither tokenising, running nor post-processing was waiting: in queues and on the way. */
function measured(result: EngineResult, engineMs: number, interpretMs: number) {
  const { tokenizeMs, runMs } = result.timing;
  const postMs = result.timing.postMs + interpretMs;
  const queueMs = Math.max(0, engineMs - tokenizeMs - runMs - result.timing.postMs);
  return { timing: { queueMs, tokenizeMs, runMs, postMs }, latencyMs: queueMs + tokenizeMs + runMs + postMs };
}

function vectorsOf({ outputs: { embedding } }: EngineResult): Pick<Prediction, 'vectors'> {
  return embedding ? { vectors: { data: embedding.data as Float32Array, dimension: embedding.shape[1] ?? 0 } } : {};
}
