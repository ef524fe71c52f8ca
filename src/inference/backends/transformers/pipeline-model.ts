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

/** One request on its way through the sessions of a pipeline. */
interface Visit {
  readonly asking: Asking;
  /** The piece at work has made no token yet. */
  isFresh: boolean;
  promptTokens: number;
  completionTokens: number;
}

class PipelineModel implements LoadedModel {
  readonly inputs = [];
  readonly outputs = [];
  readonly fields: NonNullable<LoadedModel['fields']>;
  readonly memoryBytes: number;
  readonly #library: Transformers;
  readonly #pipeline: Pipeline;
  readonly #task: Task;
  readonly #visits = new AsyncLocalStorage<Visit>();
  readonly #drain: Drain;

  constructor(library: Transformers, pipeline: Pipeline, task: Task, memoryBytes: number) {
    this.#library = library;
    this.#pipeline = pipeline;
    this.#task = task;
    this.fields = { inputs: inputFields(task), outputs: [] };
    this.memoryBytes = memoryBytes;
    for (const [name, session] of Object.entries(pipeline.model.sessions)) this.#watch(name, session);
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
        const visit: Visit = { asking, isFresh: true, promptTokens: 0, completionTokens: 0 };
        const results = await this.#visits.run(visit, () => this.#answers(pieces, visit));
        const { generates, scores } = ruleOf(this.#task);
        const value = isList ? results.flat(1) : results[0];
        const confidence = pieces.length === 1 && scores ? topScore(value) : undefined;
        const { promptTokens, completionTokens } = visit;
        return {
          value,
          ...(confidence !== undefined && { confidence }),
          ...(promptTokens > 0 && { promptTokens }),
          ...(generates && { completionTokens }),
        };
      } catch (error) {
        asking.signal.throwIfAborted();
        throw askFailure(error);
      }
    });
  }

  dispose(): Promise<void> {
    return this.#drain.close();
  }

  async #answers(pieces: readonly (readonly unknown[])[], visit: Visit): Promise<unknown[]> {
    const results: unknown[] = [];
    for (const piece of pieces) {
      visit.asking.signal.throwIfAborted();
      visit.asking.onStep?.();
      visit.isFresh = true;
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
   * the watchdog hears that it goes on, and tokens are counted.
   */
  #watch(name: string, session: InferenceSession): void {
    const run = session.run.bind(session) as (...args: readonly unknown[]) => ReturnType<InferenceSession['run']>;
    const isDecoder = this.#isDecoder(name);
    session.run = (...args: readonly unknown[]) => {
      const visit = this.#visits.getStore();
      visit?.asking.signal.throwIfAborted();
      visit?.asking.onStep?.();
      if (visit) count(visit, args[0] as Feeds, isDecoder);
      return run(...args);
    };
  }

  /** The session that makes a token with each of its runs: the only one, or the second of an encoder and a decoder. */
  #isDecoder(name: string): boolean {
    const { sessions } = this.#pipeline.model;
    return (
      ruleOf(this.#task).generates === true &&
      name === ('decoder_model_merged' in sessions ? 'decoder_model_merged' : 'model')
    );
  }
}

type Feeds = Readonly<Record<string, { readonly dims: readonly number[]; readonly size: number } | undefined>>;

/**
 * Counts the tokens of one run. A decoder reads the prompt with its first run, unless an encoder has read it, and one
 * token of its own with each.
 */
function count(visit: Visit, { input_ids: ids, encoder_hidden_states: encoded }: Feeds, isDecoder: boolean): void {
  if (!ids) return;
  if (!isDecoder || (visit.isFresh && !encoded)) visit.promptTokens += ids.size;
  if (!isDecoder) return;
  visit.completionTokens += ids.dims[0] ?? 1;
  visit.isFresh = false;
}

/** The best score of one input's labels: `[{label, score}]`, within a list or not, or `{labels, scores}`. */
function topScore(value: unknown): number | undefined {
  if (Array.isArray(value)) return topScore(value[0]);
  const { score, scores } = (value ?? {}) as { readonly score?: unknown; readonly scores?: readonly unknown[] };
  const top = score ?? scores?.[0];
  return typeof top === 'number' ? top : undefined;
}
