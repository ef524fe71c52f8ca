import { z } from 'zod';
import { AppError, type Violation } from '../../../errors.ts';
import type { GenerationOptions } from '../../backend.ts';
import { textsOf } from '../../text-features.ts';
import { type DecodedImage, readImage } from './images.ts';
import { readSamples } from './samples.ts';
import { ruleOf, type Task, type TaskRule } from './tasks.ts';

/** What goes to a pipeline, one piece at a time, so that a caller who leaves stops the rest. */
export interface Question {
  /** The caller sent a list, so the answer is one too. */
  readonly isList: boolean;
  /** Arguments for each piece; a piece of a list is a list of one. */
  readonly pieces: readonly (readonly unknown[])[];
}

/** An image that still has to be decoded. */
export const isImage = (value: unknown): value is DecodedImage =>
  typeof value === 'object' && value !== null && 'bytes' in value;

const CandidateLabels = z.union([
  z
    .string()
    .min(1)
    .max(256)
    .transform((one) => [one]),
  z.array(z.string().min(1).max(256)).min(1).max(100),
]);
const Messages = z
  .array(z.strictObject({ role: z.string().max(32), content: z.string().max(1_048_576) }))
  .min(1)
  .max(256);
const maxImages = 64;
const inputNames = [
  'texts',
  'text',
  'prompt',
  'content',
  'messages',
  'image',
  'images',
  'audio',
  'question',
  'context',
  'candidate_labels',
];

/**
 * Reads features as the pipeline of a task takes them: its input, its labels, and options of the allow-list.
 *
 * @throws AppError INVALID_INPUT, BATCH_LIMIT
 */
export function readFeatures(task: Task, features: unknown, generation?: GenerationOptions): Question {
  const rule = ruleOf(task);
  const fields = fieldsOf(features, rule);
  const named = Object.entries(fields).filter(([name]) => !inputNames.includes(name));
  const options = { ...checked(rule.options, Object.fromEntries(named), ''), ...generationOf(task, rule, generation) };
  const { isList, items } = inputsOf(task, rule, features, fields);
  const labels = rule.labels ? [checked(CandidateLabels, fields.candidate_labels, 'candidate_labels')] : [];
  return {
    isList,
    pieces: items.map((args) => [...args.map((arg) => (isList ? [arg] : arg)), ...labels, options]),
  };
}

function fieldsOf(features: unknown, { input }: TaskRule): Readonly<Record<string, unknown>> {
  if (typeof features === 'object' && features !== null && !Array.isArray(features)) {
    return features as Readonly<Record<string, unknown>>;
  }
  // A bare text, or a list of them, is what text tasks are asked most.
  if (input === 'texts') return {};
  throw invalid('', 'expected an object of features');
}

function inputsOf(
  task: Task,
  { input }: TaskRule,
  features: unknown,
  fields: Readonly<Record<string, unknown>>,
): { readonly isList: boolean; readonly items: readonly (readonly unknown[])[] } {
  if (input === 'question') return { isList: false, items: [[textAt(fields, 'question'), textAt(fields, 'context')]] };
  if (input === 'document') {
    return { isList: false, items: [[readImage(fields.image, 'features.image'), textAt(fields, 'question')]] };
  }
  if (input === 'images') {
    const { images } = fields;
    if (images === undefined) return { isList: false, items: [[readImage(fields.image, 'features.image')]] };
    if (!Array.isArray(images)) throw invalid('images', 'expected a list of images in base64');
    if (images.length > maxImages) {
      const message = `features.images: expected at most ${maxImages} images in one request, got ${images.length}. Split the request.`;
      throw new AppError('BATCH_LIMIT', message);
    }
    return { isList: true, items: images.map((image, index) => [readImage(image, `features.images[${index}]`)]) };
  }
  if (input === 'audio') return { isList: false, items: [[readSamples(fields.audio)]] };
  if (task === 'text-generation' && fields.messages !== undefined) {
    return { isList: false, items: [[checked(Messages, fields.messages, 'messages')]] };
  }
  const { texts } = textsOf(features, []) ?? { texts: [] };
  return { isList: Array.isArray(features) || fields.texts !== undefined, items: texts.map((text) => [text]) };
}

/** Options of the request in the library's words. */
function generationOf(task: Task, { generates }: TaskRule, generation: GenerationOptions = {}): object {
  const { temperature, top_p, top_k, num_predict, ...others } = generation;
  const given = Object.entries({ temperature, top_p, top_k, num_predict, ...others }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0) return {};
  const strange = generates ? Object.keys(others).find((name) => given.some(([one]) => one === name)) : given[0]?.[0];
  if (strange !== undefined) {
    const message = `the option ${strange} has no meaning for the task ${task}`;
    throw new AppError('INVALID_INPUT', `options.${strange}: ${message}. Leave it out.`, {
      violations: [{ path: `options.${strange}`, message }],
    });
  }
  return {
    ...(temperature !== undefined && (temperature > 0 ? { temperature, do_sample: true } : { do_sample: false })),
    ...(top_p !== undefined && { top_p }),
    ...(top_k !== undefined && { top_k }),
    ...(num_predict !== undefined && { max_new_tokens: Math.min(num_predict, 1024) }),
  };
}

function textAt(fields: Readonly<Record<string, unknown>>, name: string): string {
  return checked(z.string().max(1_048_576), fields[name], name);
}

function checked<T extends z.ZodType>(schema: T, value: unknown, place: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const violations = result.error.issues.map((issue): Violation => {
    const path = ['features', ...(place ? [place] : []), ...issue.path].join('.');
    return { path, message: issue.message };
  });
  throw new AppError('INVALID_INPUT', `${violations[0]?.path}: ${violations[0]?.message}.`, { violations });
}

function invalid(place: string, message: string): AppError {
  const path = place ? `features.${place}` : 'features';
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
