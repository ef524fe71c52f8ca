import { AsyncLocalStorage } from 'node:async_hooks';
import type { InferenceSession } from 'onnxruntime-node';
import { AppError } from '../../../errors.ts';
import { Drain } from '../../../lib/drain.ts';
import type { Answer, Asking, LoadedModel, LoadOptions } from '../../backend.ts';
import { readTextSettings } from '../../text/text-settings.ts';
import { askFailure } from './failures.ts';
import { type HubPackage, loadingOptions } from './hub-package.ts';
import { decodeImage } from './images.ts';
import type { Transformers } from './library.ts';
import { plainJson } from './plain-json.ts';
import { isImage, readFeatures } from './read-features.ts';
import { inputFields, ruleOf, type Task } from './tasks.ts';

/** What of a pipeline is used here, whatever its task. */
interface Pipeline {
  (...args: readonly unknown[]): Promise<unknown>;
  readonly model: { readonly sessions: Readonly<Record<string, InferenceSession>> };
  readonly tokenizer?: { readonly _tokenizerConfig: { model_max_length?: number } };
  dispose(): Promise<unknown>;
}

/** @throws AppError MODEL_MANIFEST for a file that the task needs, and what the library throws */
export async function loadPipeline(
  library: Transformers,
  hub: HubPackage,
  task: Task,
  options: LoadOptions,
): Promise<LoadedModel> {
  const missing = ruleOf(task).needs.find((file) => !hub.has(file));
  if (missing !== undefined) {
    throw new AppError(
      'MODEL_MANIFEST',
      `Expected ${missing} in the package, which the task ${task} needs, came none; add it, or name another task in metadata.taskType`,
    );
  }
  // The types of the library tell 25 pipelines apart; here the task is not known before it runs.
  const make = library.pipeline as unknown as (task: string, model: string, options: object) => Promise<Pipeline>;
  const pipeline = await make(task, hub.directory, loadingOptions(hub, options));
  await limitTokens(pipeline, hub, options);
  return new PipelineModel(library, pipeline, task, hub.memoryBytes);
}

/** The library cuts texts at its tokenizer's own limit, which many packages leave open or set above the model's. */
async function limitTokens({ tokenizer }: Pipeline, hub: HubPackage, options: LoadOptions): Promise<void> {
  if (!tokenizer) return;
  const { maxTokens } = await readTextSettings(hub, options);
  tokenizer._tokenizerConfig.model_max_length = maxTokens;
}

class PipelineModel implements LoadedModel {
  readonly inputs = [];
  readonly outputs = [];
  readonly fields: NonNullable<LoadedModel['fields']>;
  readonly memoryBytes: number;
  readonly #library: Transformers;
  readonly #pipeline: Pipeline;
  readonly #task: Task;
  readonly #asking = new AsyncLocalStorage<Asking>();
  readonly #drain: Drain;

  constructor(library: Transformers, pipeline: Pipeline, task: Task, memoryBytes: number) {
    this.#library = library;
    this.#pipeline = pipeline;
    this.#task = task;
    this.fields = { inputs: inputFields(task), outputs: [] };
    this.memoryBytes = memoryBytes;
    for (const session of Object.values(pipeline.model.sessions)) this.#watch(session);
    this.#drain = new Drain(
      async () => void (await pipeline.dispose()),
      () => new AppError('BACKEND_FAILED', 'Expected a loaded model, but it was unloaded; load it again'),
    );
  }

  async predict(): Promise<never> {
    throw new AppError('INVALID_INPUT', `Expected features of the task ${this.#task}, got tensors; send what it reads`);
  }

  ask(features: unknown, asking: Asking): Promise<Answer> {
    return this.#drain.run(async () => {
      const { isList, pieces } = readFeatures(this.#task, features, asking.generation);
      try {
        const results = await this.#asking.run(asking, () => this.#answers(pieces, asking));
        const value = isList ? results.flat(1) : results[0];
        const confidence = pieces.length === 1 && ruleOf(this.#task).scores ? topScore(value) : undefined;
        return { value, ...(confidence !== undefined && { confidence }) };
      } catch (error) {
        asking.signal.throwIfAborted();
        throw askFailure(error);
      }
    });
  }

  dispose(): Promise<void> {
    return this.#drain.close();
  }

  async #answers(pieces: readonly (readonly unknown[])[], asking: Asking): Promise<unknown[]> {
    const results: unknown[] = [];
    for (const piece of pieces) {
      asking.signal.throwIfAborted();
      asking.onStep?.();
      const args = await Promise.all(piece.map((arg) => this.#decoded(arg)));
      results.push(plainJson(await this.#pipeline(...args)));
    }
    return results;
  }

  async #decoded(arg: unknown): Promise<unknown> {
    if (Array.isArray(arg) && arg.some(isImage)) return Promise.all(arg.map((one) => this.#decoded(one)));
    return isImage(arg) ? decodeImage(arg, (blob) => this.#library.RawImage.fromBlob(blob)) : arg;
  }

  /**
   * Every pipeline comes past its sessions, a generator once for each token: there a caller who has left stops it,
   * and the watchdog hears that it goes on.
   */
  #watch(session: InferenceSession): void {
    const run = session.run.bind(session) as (...args: readonly unknown[]) => ReturnType<InferenceSession['run']>;
    session.run = (...args: readonly unknown[]) => {
      const asking = this.#asking.getStore();
      asking?.signal.throwIfAborted();
      asking?.onStep?.();
      return run(...args);
    };
  }
}

/** The best score of one input's labels: `[{label, score}]`, within a list or not, or `{labels, scores}`. */
function topScore(value: unknown): number | undefined {
  if (Array.isArray(value)) return topScore(value[0]);
  const { score, scores } = (value ?? {}) as { readonly score?: unknown; readonly scores?: readonly unknown[] };
  const top = score ?? scores?.[0];
  return typeof top === 'number' ? top : undefined;
}
