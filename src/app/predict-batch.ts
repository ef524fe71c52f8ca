import { AppError } from '../errors.ts';
import type { Predictor, PredictorOptions, Waiting } from '../inference/predictor.ts';
import { inTurns } from '../lib/in-turns.ts';
import type { Model } from '../registry/model.ts';
import { predict } from './predict.ts';
import type { Asker, PredictionDesk, Question } from './prediction-desk.ts';

/** One question of many, with whom it is asked for. */
export interface BatchItem {
  readonly features: unknown;
  readonly asker: Asker;
  /** Why this item cannot be asked at all. */
  readonly refusal?: AppError;
}

export interface BatchRequest {
  readonly modelName: string;
  readonly modelVersion?: string | undefined;
  readonly items: readonly BatchItem[];
  readonly options?: PredictorOptions | undefined;
}

export interface BatchPorts {
  readonly desk: PredictionDesk;
  readonly predictor: Predictor;
  /** Chooses the version that answers all items. */
  readonly resolve: (modelName: string, modelVersion?: string) => Promise<Model>;
  readonly elapsed: () => number;
}

/** Enough to fill the engine's largest run, and a quarter of the places in its queue, so that others still get in. */
const atOnce = 64;

/**
 * Answers `/predict/batch`: many questions to one version, each recorded as an event of its own. They go to the
 * engine side by side, so they share its runs and their events share commits; a bad one fails alone.
 *
 * @throws AppError MODEL_NOT_FOUND, NO_PRODUCTION: then every item has an event, and the error names the first.
 */
export async function predictBatch(ports: BatchPorts, request: BatchRequest, waiting: Waiting = {}) {
  const { desk, predictor, resolve, elapsed } = ports;
  const { modelName, modelVersion, items, options } = request;
  const started = elapsed();
  const question = ({ features }: BatchItem): Question => ({ modelName, modelVersion, features });
  const model = await resolve(modelName, modelVersion).catch(async (error: unknown) => {
    const refused = await Promise.all(items.map((item) => desk.recordFailure(error, question(item), item.asker)));
    throw refused[0] ?? error;
  });
  const answers = await inTurns(items, atOnce, async (item) => {
    try {
      if (item.refusal) throw await desk.recordFailure(item.refusal, question(item), item.asker, { model });
      const asked = { ...question(item), options, model };
      const {
        modelName: _,
        modelVersion: __,
        stage,
        ...answer
      } = await predict(desk, predictor, asked, item.asker, waiting);
      return answer;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { inferenceId } = error.facts;
      return { ...(inferenceId !== undefined && { inferenceId }), code: error.code, detail: error.message };
    }
  });
  return {
    modelName: model.modelName,
    modelVersion: model.modelVersion,
    latencyMs: elapsed() - started,
    items: answers,
  };
}
