import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import type { BatchItem } from '../../app/predict-batch.ts';
import { AppError } from '../../errors.ts';
import { resolveAliases } from '../edge/aliases.ts';
import { hangUpSignal } from '../edge/hang-up.ts';
import { type ApiRequest, type Route, route } from '../edge/route.ts';
import { validate } from '../edge/validate.ts';
import { BatchOptions } from '../predict-options.ts';
import { PredictBody, recordRefusal } from './predict.ts';

const maxItems = 256;

const { modelName, modelVersion, features, userId, sessionId, requestId } = PredictBody.shape;
const Item = z.strictObject({ features, userId, sessionId, requestId });
const itemFields = new Set(Object.keys(Item.shape));

const PredictBatchBody = z.strictObject({
  modelName,
  modelVersion,
  // Each item is checked by itself, so that the others go on without it.
  items: z
    .array(z.unknown())
    .describe(`At most ${maxItems} of {"features", "userId"?, "sessionId"?, "requestId"?}, each an event of its own`),
  options: BatchOptions.optional(),
});

const Answer = z.looseObject({
  inferenceId: z.string().optional(),
  prediction: z.unknown().optional(),
  confidence: z.number().nullable().optional(),
  code: z.string().optional().describe('Why this item failed, with detail, in place of a prediction'),
  detail: z.string().optional(),
});

const PredictBatchReply = z.looseObject({
  modelName: z.string(),
  modelVersion: z.string(),
  latencyMs: z.number().describe('Of the whole'),
  items: z.array(Answer),
});

export const predictBatchRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/predict/batch',
    action: 'predict',
    tag: 'Inference',
    summary: 'Ask a model many questions at once',
    body: {
      kind: 'json',
      schema: PredictBatchBody,
      example: {
        modelName: 'all-minilm-l6-v2',
        items: [{ features: { text: 'a trail running shoe' } }, { features: { text: 'a warm winter jacket' } }],
      },
      onInvalid: recordRefusal,
    },
    replies: { 200: { description: 'Answers in the order of the items', schema: PredictBatchReply } },
    async handle(app, request) {
      const { items, ...question } = request.body;
      if (items.length > maxItems) {
        throw new AppError(
          'BATCH_LIMIT',
          `items: expected at most ${maxItems}, got ${items.length}. Split the request, or start a job with POST /predict/jobs.`,
        );
      }
      const checked = items.map((item, index) => batchItem(item, `items[${index}]`, request));
      return { body: await answer(app, { ...question, items: checked }, request) };
    },
  }),
];

const answer = (app: App, batch: Parameters<App['predictBatch']>[0], { incoming }: ApiRequest) =>
  app.predictBatch(batch, { signal: hangUpSignal(incoming) });

function batchItem(given: unknown, path: string, { caller, requestId }: ApiRequest): BatchItem {
  const base = { caller: caller.username, requestId };
  try {
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
    const item = isObject ? resolveAliases(given as Record<string, unknown>, itemFields).value : given;
    const { features, ...who } = validate(Item, item, path);
    return { features, asker: { ...base, ...who, requestId: who.requestId ?? requestId } };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { features } = (given ?? {}) as { features?: unknown };
    return { features, asker: base, refusal: error };
  }
}
