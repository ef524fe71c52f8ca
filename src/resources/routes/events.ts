import { z } from 'zod';
import { findEvents } from '../../monitoring/events/event-query.ts';
import { eventView } from '../../monitoring/events/event-view.ts';
import { summarise } from '../../monitoring/metrics/summarise.ts';
import { resolveAliases } from '../edge/aliases.ts';
import { answerLines } from '../edge/ndjson.ts';
import { type Route, route } from '../edge/route.ts';
import { validate } from '../edge/validate.ts';
import { ownEventsOf } from '../policy.ts';
import { rangeOf } from '../range.ts';
import { Free, Id, ModelName, ModelVersion, page, Time, timeRange } from '../schemas.ts';

const EventsQuery = z.strictObject({
  modelName: ModelName.optional(),
  modelVersion: ModelVersion.optional(),
  userId: Id.optional(),
  sessionId: Id.optional(),
  requestId: Id.optional(),
  variant: Id.optional(),
  errorCode: Id.optional(),
  hasFeedback: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
  ...timeRange,
  ...page,
});

const Event = z.looseObject({ id: z.string(), timestamp: z.number(), modelName: z.string() });

const ImportedEvent = z.strictObject({
  modelName: ModelName,
  modelVersion: ModelVersion,
  features: Free,
  prediction: Free,
  confidence: z.number().min(0).max(1).optional(),
  latencyMs: z.number().nonnegative().optional(),
  timestamp: Time.optional(),
  requestId: Id.optional(),
  userId: Id.optional(),
  sessionId: Id.optional(),
  outcome: Free,
});

const MetricsQuery = z.strictObject({
  modelName: ModelName,
  modelVersion: ModelVersion.optional(),
  variant: Id.optional(),
  ...timeRange,
});

const checked = (line: unknown) => {
  const fields = new Set(Object.keys(ImportedEvent.shape));
  const isRecord = typeof line === 'object' && line !== null && !Array.isArray(line);
  return validate(ImportedEvent, isRecord ? resolveAliases({ ...line }, fields).value : line, 'line');
};

export const eventRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/monitoring/events',
    action: 'event.list',
    tag: 'Observability',
    summary: 'Recorded predictions, newest first',
    query: EventsQuery,
    replies: {
      200: { description: 'One page', schema: z.object({ events: z.array(Event), nextCursor: z.string().optional() }) },
    },
    async handle(app, { query, caller }) {
      const {
        limit,
        cursor,
        from: _from,
        to: _to,
        startTime: _start,
        endTime: _end,
        timeRange: _range,
        ...filter
      } = query;
      if (filter.modelName !== undefined) await app.registry.versions(filter.modelName);
      const wanted = { ...filter, ...rangeOf(query, app.now()), caller: ownEventsOf(caller) };
      const { events, nextCursor } = await findEvents(app.store.events, wanted, limit, cursor);
      return { body: { events: events.map(eventView), ...(nextCursor !== undefined && { nextCursor }) } };
    },
  }),
  route({
    method: 'POST',
    path: '/monitoring/events',
    action: 'event.import',
    tag: 'Observability',
    summary: 'Record a prediction made elsewhere or earlier',
    body: {
      kind: 'json',
      schema: ImportedEvent,
      lines: true,
      example: {
        modelName: 'digits-onnx',
        modelVersion: 'v1',
        features: { pixels: [] },
        prediction: { label: '3' },
        latencyMs: 4.2,
      },
    },
    replies: {
      201: { description: 'Recorded', schema: z.object({ inferenceId: z.string() }) },
      200: { description: 'A result for every line of NDJSON' },
    },
    async handle(app, { body, caller, incoming }) {
      const importOne = async (event: z.infer<typeof ImportedEvent>) => app.importEvent(event, caller.username);
      if (!body) return answerLines(incoming, async (line) => ({ inferenceId: await importOne(checked(line)) }));
      const inferenceId = await importOne(body);
      return { status: 201, body: { inferenceId }, inferenceId };
    },
  }),
  route({
    method: 'GET',
    path: '/monitoring/metrics',
    action: 'metric.read',
    tag: 'Observability',
    summary: 'Counts, latency, confidence and accuracy of a model over a range',
    query: MetricsQuery,
    replies: {
      200: {
        description: 'Figures; null where nothing was seen',
        schema: z.looseObject({ count: z.number(), errorCount: z.number() }),
      },
    },
    async handle(app, { query }) {
      const { modelName, modelVersion, variant } = query;
      if (modelVersion === undefined) await app.registry.versions(modelName);
      else await app.registry.get(modelName, modelVersion);
      const range = rangeOf(query, app.now());
      const summary = await summarise(app.store.events, { modelName, modelVersion, variant, ...range });
      return {
        body: {
          modelName,
          modelVersion: modelVersion ?? null,
          from: range.from ?? null,
          to: range.to ?? null,
          ...summary,
        },
      };
    },
  }),
];
