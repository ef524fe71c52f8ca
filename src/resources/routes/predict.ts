import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { AppError } from '../../errors.ts';
import { nameProblem } from '../../registry/names.ts';
import { hangUpSignal } from '../edge/hang-up.ts';
import { acceptsJson } from '../edge/negotiate.ts';
import { pieceTypes } from '../edge/pieces.ts';
import { type ApiRequest, type Route, route } from '../edge/route.ts';
import { PredictOptions } from '../predict-options.ts';
import { FreeObject, Id, ModelName, ModelVersion } from '../schemas.ts';
import { streamedPrediction } from '../streamed-prediction.ts';

export const PredictBody = z.strictObject({
  modelName: ModelName,
  modelVersion: ModelVersion.optional().describe('Without it the production version answers, else the newest'),
  features: z.unknown().describe('Tensors by input name, or texts for a text model'),
  userId: Id.optional(),
  sessionId: Id.optional(),
  requestId: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'expected 1 to 128 printable ASCII characters without spaces')
    .optional(),
  options: PredictOptions.optional(),
});

const PredictReply = z.looseObject({
  inferenceId: z.string(),
  prediction: z.unknown(),
  confidence: z.number().nullable(),
  modelName: z.string(),
  modelVersion: z.string(),
  stage: z.string(),
  latencyMs: z.number(),
  requestId: z.string(),
  usage: z.object({ promptTokens: z.number().optional(), completionTokens: z.number().optional() }).optional(),
});

const example = {
  modelName: 'all-minilm-l6-v2',
  features: { texts: ['a trail running shoe', 'a warm winter jacket'] },
};

export const predictRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/predict',
    action: 'predict',
    tag: 'Inference',
    summary: 'Ask a model',
    body: { kind: 'json', schema: PredictBody, example, onInvalid: recordRefusal },
    replies: { 200: { description: "The model's answer", schema: PredictReply, pieces: pieceTypes } },
    async handle(app, request) {
      const { userId, sessionId, ...question } = request.body;
      const { requestId, caller, headers, incoming } = request;
      const asker = { caller: caller.username, requestId, userId, sessionId };
      if (question.options?.stream)
        return streamedPrediction(request, (watching) => app.predict(question, asker, watching));
      if (!acceptsJson(headers.accept)) throw onlyInPieces();
      const body = await app.predict(question, asker, { signal: hangUpSignal(incoming) });
      return { body, inferenceId: body.inferenceId };
    },
  }),
];

const onlyInPieces = () =>
  new AppError(
    'NOT_ACCEPTABLE',
    'An answer in one piece is application/json. Accept it, or set options.stream to true.',
  );

const PersonalizeQuery = z.strictObject({ modelName: ModelName.optional(), modelVersion: ModelVersion.optional() });
const PersonalizeBody = z.strictObject({
  products: z.array(FreeObject).max(10_000),
  userContext: FreeObject,
  modelName: ModelName.optional().describe('A text-embedding model; PERSONALIZE_MODEL unless given'),
  modelVersion: ModelVersion.optional(),
  userId: Id.optional(),
  sessionId: Id.optional(),
  requestId: z.string().min(1).max(128).optional(),
});

const PersonalizeReply = z.looseObject({
  requestId: z.string(),
  inferenceId: z.string(),
  products: z.array(z.looseObject({ personalizedScore: z.number() })),
  personalized: z.boolean(),
  model: z.string(),
  responseTime: z.number(),
});

export const personalizeRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/personalize',
    action: 'personalize',
    tag: 'Inference',
    summary: 'Order products by what a user looks for',
    query: PersonalizeQuery,
    body: {
      kind: 'json',
      schema: PersonalizeBody,
      example: {
        products: [
          { id: 'p1', name: 'Trail runner', description: 'light shoe with grip for muddy paths', category: 'shoes' },
          { id: 'p2', name: 'Down jacket', description: 'warm jacket for winter', category: 'clothing' },
        ],
        userContext: { activityType: 'trail-running', experienceLevel: 'advanced', season: 'spring' },
      },
    },
    replies: { 200: { description: 'The products, best first', schema: PersonalizeReply } },
    async handle(app, request) {
      const { userId, sessionId, products, userContext, ...named } = request.body;
      const [defaultName = '', defaultVersion] = app.config.PERSONALIZE_MODEL.split(':');
      const modelName = named.modelName ?? request.query.modelName;
      const modelVersion = named.modelVersion ?? request.query.modelVersion;
      const body = await app.personalize(
        {
          products,
          userContext,
          modelName: modelName ?? defaultName,
          modelVersion: modelName === undefined ? (modelVersion ?? defaultVersion) : modelVersion,
        },
        { caller: request.caller.username, requestId: request.requestId, userId, sessionId },
        { signal: hangUpSignal(request.incoming) },
      );
      return { body, inferenceId: body.inferenceId };
    },
  }),
];

/** A prediction asked of a well-formed model name leaves an event even when its body is wrong. */
export async function recordRefusal(app: App, { body, caller, requestId }: ApiRequest, error: Error): Promise<Error> {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const modelName = given.modelName ?? given.modelId;
  if (typeof modelName !== 'string' || nameProblem(modelName)) return error;
  const question = { modelName, features: given.features ?? given.inputs };
  return app.desk.recordFailure(error, question, { caller: caller.username, requestId });
}
