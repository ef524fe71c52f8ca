import { AppError } from '../errors.ts';
import { embedsTexts, type Predictor, type Waiting } from '../inference/predictor.ts';
import { type Encoder, rankProducts } from '../personalization/ranker.ts';
import type { Product, UserContext } from '../personalization/texts.ts';
import type { VectorCache } from '../personalization/vector-cache.ts';
import type { Model } from '../registry/model.ts';
import type { Asker, PredictionDesk } from './prediction-desk.ts';

export interface PersonalizeRequest {
  readonly products: readonly Product[];
  readonly userContext: UserContext;
  readonly modelName: string;
  readonly modelVersion?: string | undefined;
}

export interface PersonalizePorts {
  readonly desk: PredictionDesk;
  readonly predictor: Predictor;
  readonly cache: VectorCache;
  readonly elapsed: () => number;
}

/** Answers `/personalize`: products in the order of their likeness to what the user looks for. */
export async function personalize(
  { desk, predictor, cache, elapsed }: PersonalizePorts,
  request: PersonalizeRequest,
  asker: Asker,
  waiting: Waiting = {},
) {
  const { products, userContext, modelName, modelVersion } = request;
  const started = elapsed();
  const features = { userContext, products };
  const { inferenceId, model, answer } = await desk.ask({ modelName, modelVersion, features }, asker, async (asked) => {
    const ranked = await rankProducts(products, userContext, encoderOf(asked, predictor, waiting), cache);
    const prediction = ranked.map(({ id, personalizedScore }) => ({ id, personalizedScore }));
    return { ranked, recorded: JSON.stringify(prediction), confidence: null, latencyMs: elapsed() - started };
  });
  return {
    requestId: asker.requestId,
    inferenceId,
    products: answer.ranked,
    personalized: true,
    model: model.id,
    responseTime: elapsed() - started,
  };
}

/** Any model that embeds texts is an encoder, whatever its framework. */
function encoderOf(model: Model, predictor: Predictor, waiting: Waiting): Encoder {
  if (!embedsTexts(model)) {
    const message = `expected a text-embedding model, got ${model.id}, which takes no texts`;
    throw new AppError('INVALID_INPUT', `modelName: ${message}.`, { violations: [{ path: 'modelName', message }] });
  }
  return {
    id: `${model.digest}:${JSON.stringify(model.metadata.ml_config ?? {})}`,
    async encode(texts) {
      const vectors: Float32Array[] = [];
      for (let start = 0; start < texts.length; start += 1024) {
        const { vectors: made } = await predictor.predict(
          model,
          { texts: texts.slice(start, start + 1024) },
          {},
          waiting,
        );
        if (!made) throw new Error(`${model.id} gave no vectors for texts`);
        for (let row = 0; row * made.dimension < made.data.length; row++) {
          vectors.push(made.data.slice(row * made.dimension, (row + 1) * made.dimension));
        }
      }
      return vectors;
    },
  };
}
