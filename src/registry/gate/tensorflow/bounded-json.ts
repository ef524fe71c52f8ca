import { refusal } from '../refusal.ts';

const maxDepth = 256;
const [quoteMark, backslash, comma] = [0x22, 0x5c, 0x2c];
const openers = new Set([0x7b, 0x5b]);
const closers = new Set([0x7d, 0x5d]);

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses JSON after counting what it would make: a few megabytes of brackets become gigabytes of objects.
 *
 * @param name  what the file is called in messages.
 * @throws AppError MODEL_MALFORMED, MODEL_TOO_COMPLEX
 */
export function boundedJson(bytes: Uint8Array, maxValues: number, name = 'model.json'): unknown {
  countValues(bytes, maxValues, name);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refusal(
      'MODEL_MALFORMED',
      '',
      `expected ${name} to be JSON in UTF-8, it is cut off or broken. Send it again.`,
      cause,
    );
  }
}

function countValues(bytes: Uint8Array, maxValues: number, name: string): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === quoteMark) {
      at += 1;
      while (at < bytes.length && bytes[at] !== quoteMark) at += bytes[at] === backslash ? 2 : 1;
    } else if (byte === comma) values += 1;
    else if (openers.has(byte)) {
      values += 1;
      depth += 1;
    } else if (closers.has(byte)) depth -= 1;
    if (values > maxValues || depth > maxDepth) {
      throw refusal(
        'MODEL_TOO_COMPLEX',
        '',
        `expected ${name} to hold at most ${maxValues} values, ${maxDepth} deep, got more. Simplify the model.`,
      );
    }
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A member that is an object of its own; undefined when it is absent or anything else. */
export function objectAt(value: unknown, key: string): JsonObject | undefined {
  const found = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isObject(found) ? found : undefined;
}

/** A member that is a list; an empty one when it is absent or anything else. */
export function listAt(value: unknown, key: string): readonly unknown[] {
  const found = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return Array.isArray(found) ? found : [];
}

export function textAt(value: unknown, key: string): string | undefined {
  const found = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof found === 'string' ? found : undefined;
}
