import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { AppError } from '../../errors.ts';
import type { Feedback } from '../../monitoring/feedback/feedback.ts';
import { resolveAliases } from '../edge/aliases.ts';
import { isCsv, readCsv } from '../edge/csv.ts';
import { answerEach, answerLines } from '../edge/ndjson.ts';
import { type Route, route } from '../edge/route.ts';
import { validate } from '../edge/validate.ts';
import { feedbackReader } from '../feedback-csv.ts';
import { type Caller, isAtLeast, ownEventsOf } from '../policy.ts';
import { Free, Id, Time } from '../schemas.ts';

const fields = {
  inferenceId: Id.optional(),
  requestId: Id.optional().describe('In place of inferenceId: the newest event of that request'),
  outcome: Free.describe('What really happened'),
  correct: z.boolean().optional(),
  supersedes: z.boolean().optional().describe('Replaces an outcome given before; trainers only'),
};

const says = ({ outcome, correct }: Feedback) => outcome !== undefined || correct !== undefined;
const Item = z.strictObject(fields).refine(says, 'expected an outcome, correct, or both');

const FeedbackBody = z
  .strictObject({
    ...fields,
    items: z.array(z.unknown()).max(1000).optional().describe('Many at once, in place of the other fields'),
  })
  .refine((body) => body.items !== undefined || says(body), 'expected an outcome, correct, or both');

const EventFeedback = z
  .strictObject({
    actualOutcome: Free.describe('JSON text, or the outcome itself'),
    feedbackTimestamp: Time.optional(),
    correct: z.boolean().optional(),
  })
  .refine(
    ({ actualOutcome, correct }) => actualOutcome !== undefined || correct !== undefined,
    'expected actualOutcome, correct, or both',
  );

const FeedbackReply = z.looseObject({
  success: z.boolean(),
  correct: z.boolean().nullable().optional(),
  correctSource: z.enum(['caller', 'computed']).nullable().optional(),
});

export const feedbackRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/feedback',
    action: 'feedback.give',
    tag: 'Inference',
    summary: 'Say what really happened',
    body: {
      kind: 'json',
      schema: FeedbackBody,
      lines: true,
      csv: true,
      example: { inferenceId: '{{inferenceId}}', outcome: { class: 3 } },
    },
    replies: { 200: { description: 'Merged into its event', schema: FeedbackReply } },
    async handle(app, { body, caller, incoming }) {
      const giveFields = async (given: unknown, root: string) => ({
        ...(await giveOne(app, checkedItem(given, root), caller)),
      });
      if (isCsv(incoming)) {
        const { header, rows } = await readCsv(incoming);
        const read = feedbackReader(header);
        return answerEach(rows, async (row) => giveFields(read(row), 'row'));
      }
      if (!body) return answerLines(incoming, (line) => giveFields(line, 'line'));
      if (body.items) return { body: await giveMany(app, body.items, caller) };
      const { inferenceId, ...verdict } = await giveOne(app, body, caller);
      return { body: { success: true, inferenceId, ...verdict } };
    },
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route({
      method,
      path: '/InferenceEvent/{id}',
      action: 'feedback.give',
      tag: 'Inference',
      summary: 'Merge feedback into an event; never erases it',
      body: {
        kind: 'json',
        schema: EventFeedback,
        example: { actualOutcome: '{"label":"3"}', correct: true },
      },
      replies: { 200: { description: 'Merged', schema: FeedbackReply } },
      async handle(app, { params, body, caller }) {
        const { actualOutcome, feedbackTimestamp, correct } = body;
        const feedback = { inferenceId: params.id, outcome: outcomeOf(actualOutcome), feedbackTimestamp, correct };
        const { inferenceId, ...verdict } = await giveOne(app, feedback, caller);
        return { body: { success: true, inferenceId, ...verdict } };
      },
    }),
  ),
];

/** One of many, checked by itself so that the others go on without it. */
function checkedItem(value: unknown, root: string): Feedback {
  const { value: item } =
    typeof value === 'object' && value !== null
      ? resolveAliases(value as Record<string, unknown>, new Set(Object.keys(fields)))
      : { value };
  return validate(Item, item, root);
}

async function giveOne(app: App, feedback: Feedback, caller: Caller) {
  if (feedback.supersedes && !isAtLeast(caller.role, 'trainer')) {
    throw new AppError('FORBIDDEN', 'Replacing an outcome (supersedes) needs the role trainer or higher.');
  }
  return app.feedback.give(feedback, ownEventsOf(caller));
}

async function giveMany(app: App, items: readonly unknown[], caller: Caller) {
  const results = [];
  for (const [index, item] of items.entries()) {
    try {
      results.push({ index, success: true, ...(await giveOne(app, checkedItem(item, `items[${index}]`), caller)) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { inferenceId } = (item ?? {}) as Feedback;
      const named = inferenceId !== undefined && { inferenceId };
      results.push({ index, ...named, success: false, code: error.code, detail: error.message });
    }
  }
  const failed = results.filter(({ success }) => !success).length;
  return { success: failed === 0, accepted: results.length - failed, failed, results };
}

/** The table's own form holds the outcome as JSON text; text that is no JSON is an outcome itself. */
function outcomeOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
