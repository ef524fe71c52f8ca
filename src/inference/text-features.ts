import { AppError, type Violation } from '../errors.ts';
import type { TensorSpec } from '../lib/tensor.ts';

export interface TextFeatures {
  readonly texts: readonly string[];
}

const names = ['text', 'prompt', 'content'] as const;
const maxTexts = 1024;
const maxTextBytes = 1_048_576;

/**
 * The texts that features hold: `{"texts":[...]}`, or one string under `text`, `prompt` or `content`.
 *
 * @returns undefined when the features name one of the model's tensors instead.
 * @throws AppError INVALID_INPUT, BATCH_LIMIT
 */
export function textsOf(features: unknown, inputs: readonly TensorSpec[]): TextFeatures | undefined {
  if (typeof features === 'string') return checked([features], 'features');
  if (Array.isArray(features)) return checked(features, 'features');
  if (typeof features !== 'object' || features === null) throw expected('features', features);
  const fields = features as Readonly<Record<string, unknown>>;
  if (fields.texts !== undefined) return checked(fields.texts, 'features.texts');
  for (const name of names) {
    if (fields[name] !== undefined) return checked([fields[name]], `features.${name}`);
  }
  if (inputs.some(({ name }) => Object.hasOwn(fields, name))) return undefined;
  throw expected('features', features);
}

/**
 * Features of a model whose only input is strings: texts under the names of `textsOf` stand for that input.
 *
 * @returns the features under the input's own name, or as they came.
 * @throws AppError INVALID_INPUT, BATCH_LIMIT
 */
export function asStringInput(features: unknown, inputs: readonly TensorSpec[]): unknown {
  const [only] = inputs;
  if (inputs.length !== 1 || only?.dtype !== 'string') return features;
  if (typeof features === 'string') return { [only.name]: [features] };
  if (typeof features !== 'object' || features === null || Object.hasOwn(features, only.name)) return features;
  const isNamed = [...names, 'texts'].some((name) => Object.hasOwn(features, name));
  return isNamed ? { [only.name]: textsOf(features, inputs)?.texts } : features;
}

function checked(texts: unknown, path: string): TextFeatures {
  if (!Array.isArray(texts)) throw expected(path, texts);
  if (texts.length > maxTexts) {
    throw new AppError(
      'BATCH_LIMIT',
      `${path}: expected at most ${maxTexts} texts in one request, got ${texts.length}. Split the request.`,
    );
  }
  const violations: Violation[] = [];
  texts.forEach((text, index) => {
    const place = path.endsWith('texts') || path === 'features' ? `${path}[${index}]` : path;
    if (typeof text !== 'string') violations.push({ path: place, message: `expected a string, got ${typeof text}` });
    else if (text.length > maxTextBytes) {
      throw new AppError(
        'BATCH_LIMIT',
        `${place}: expected at most ${maxTextBytes} characters, got ${text.length}. Split the text.`,
      );
    }
  });
  if (violations.length > 0)
    throw new AppError('INVALID_INPUT', `${violations[0]?.path}: ${violations[0]?.message}.`, { violations });
  return { texts };
}

function expected(path: string, value: unknown): AppError {
  const message = `expected {"texts":["..."]} or one string as "text", "prompt" or "content", got ${value === null ? 'null' : typeof value}`;
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
