import type { Prediction, Predictor, PredictorOptions, Waiting } from '../inference/predictor.ts';
import { Embeddings } from '../inference/tasks/embedding.ts';
import type { Asker, PredictionDesk, Question } from './prediction-desk.ts';
import { recordedPrediction } from './recorded-prediction.ts';

export interface PredictRequest extends Question {
  readonly options?: PredictorOptions | undefined;
}

/** Who waits for a prediction, and wants to know its id before it is there. */
export interface Watching extends Waiting {
  readonly onBegin?: (inferenceId: string) => void;
}

/** Answers `/predict`: one question to one model, recorded as one event. */
export async function predict(
  desk: PredictionDesk,
  predictor: Predictor,
  request: PredictRequest,
  asker: Asker,
  { onBegin, onDelta, signal }: Watching = {},
) {
  const made: string[] = [];
  const noted =
    onDelta &&
    ((delta: string) => {
      made.push(delta);
      return onDelta(delta);
    });
  const { inferenceId, model, answer, recordMs } = await desk.ask(
    request,
    asker,
    async (asked, id) => {
      onBegin?.(id);
      const prediction = await predictor.predict(asked, request.features, request.options, { signal, onDelta: noted });
      return {
        ...prediction,
        recorded: recordedPrediction(prediction, asked.metadata),
        prepareReply: () => prepare(prediction.prediction),
        computeMs: prediction.timing.tokenizeMs + prediction.timing.runMs + prediction.timing.postMs,
      };
    },
    () => (made.length === 0 ? undefined : JSON.stringify({ response: made.join('') })),
  );
  return {
    inferenceId,
    prediction: answer.prediction,
    confidence: answer.confidence,
    ...(answer.vectors && { dimension: answer.vectors.dimension }),
    ...(answer.truncated && { truncated: answer.truncated }),
    modelName: model.modelName,
    modelVersion: model.modelVersion,
    stage: model.stage,
    latencyMs: answer.latencyMs,
    requestId: asker.requestId,
    ...usageOf(answer),
    ...(answer.outputs && { outputs: answer.outputs }),
    ...(request.options?.timing && { timing: { ...answer.timing, recordMs } }),
  };
}

function usageOf({ promptTokens, completionTokens }: Pick<Prediction, 'promptTokens' | 'completionTokens'>) {
  if (promptTokens === undefined && completionTokens === undefined) return {};
  return {
    usage: {
      ...(promptTokens !== undefined && { promptTokens }),
      ...(completionTokens !== undefined && { completionTokens }),
    },
  };
}

/** Vectors remember their JSON once they were asked for it. A turn later, for the event's commit begins in this one. */
function prepare(prediction: unknown): void {
  if (prediction instanceof Embeddings) setImmediate(() => prediction.toJsonBytes());
}
