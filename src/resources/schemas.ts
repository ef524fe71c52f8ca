import { z } from 'zod';
import { parseDurationMs, parseTimeMs } from '../lib/duration.ts';
import { nameProblem, versionProblem } from '../registry/names.ts';

/** Pieces that several routes' schemas share. */

const text = (maximum: number) => z.string().max(maximum);

const named = (problemOf: (text: string) => string | undefined, description: string) =>
  z
    .string()
    .superRefine((value, context) => {
      const message = problemOf(value);
      if (message) context.addIssue({ code: 'custom', message, params: { code: 'ID_INVALID' } });
    })
    .describe(description);

export const ModelName = named(nameProblem, 'Name of a model');
export const ModelVersion = named(versionProblem, 'Version of a model');
export const Id = text(256).min(1);

/** An epoch-milliseconds or ISO 8601 time in a query or a body, as epoch milliseconds. */
export const Time = z.union([z.number().int().nonnegative(), text(64)]).transform((value, context) => {
  const time = typeof value === 'number' ? value : parseTimeMs(value);
  if (time !== undefined && time <= 8.64e15) return time;
  context.addIssue({ code: 'custom', message: 'expected epoch milliseconds or an ISO 8601 time' });
  return z.NEVER;
});

const Duration = text(16).transform((value, context) => {
  const duration = parseDurationMs(value);
  if (duration !== undefined) return duration;
  context.addIssue({ code: 'custom', message: 'expected a duration such as 5m, 1h or 7d' });
  return z.NEVER;
});

/** Fields of a query that takes a time range: `from`/`to`, `startTime`/`endTime`, or `timeRange`. */
export const timeRange = {
  from: Time.optional(),
  to: Time.optional(),
  startTime: Time.optional(),
  endTime: Time.optional(),
  timeRange: Duration.optional(),
};

export const page = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: text(512).optional(),
};

/** A tensor or text input is checked against the model's own schema, so here it may be anything. */
export const Free = z.unknown().optional();
export const FreeObject = z.record(z.string(), z.unknown());
