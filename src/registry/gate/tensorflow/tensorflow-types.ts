import type { Dtype } from '../../../lib/tensor.ts';
import { quote, refusal } from '../refusal.ts';
import type { DeclaredTensor } from '../report.ts';

/** DataType of TensorFlow, by number and by name, as what TensorFlow.js holds it in. */
const held: Readonly<Record<string, Dtype>> = {
  1: 'float32',
  DT_FLOAT: 'float32',
  2: 'float32',
  DT_DOUBLE: 'float32',
  19: 'float32',
  DT_HALF: 'float32',
  3: 'int32',
  DT_INT32: 'int32',
  4: 'int32',
  DT_UINT8: 'int32',
  6: 'int32',
  DT_INT8: 'int32',
  9: 'int32',
  DT_INT64: 'int32',
  7: 'string',
  DT_STRING: 'string',
  10: 'bool',
  DT_BOOL: 'bool',
};

/** The dtype in which TensorFlow.js holds a TensorFlow type; undefined for one that it cannot hold. */
export function heldDtype(type: unknown): Dtype | undefined {
  const key = String(type);
  return Object.hasOwn(held, key) ? held[key] : undefined;
}

/** @throws AppError MODEL_DTYPE */
export function requireDtype(type: unknown, name: string, path: string): Dtype {
  const dtype = heldDtype(type);
  if (dtype) return dtype;
  throw refusal(
    'MODEL_DTYPE',
    path,
    `${quote(name)} has the type ${quote(String(type))}; expected one that TensorFlow.js holds as float32, int32, bool or string. Cast it inside the model.`,
  );
}

/**
 * Shape fields of a declared tensor. Free dimensions come as -1 or null.
 *
 * @param sizes  undefined when the rank is unknown.
 * @throws AppError MODEL_SHAPE
 */
export function declaredShape(
  sizes: readonly unknown[] | undefined,
  name: string,
  path: string,
): Pick<DeclaredTensor, 'shape' | 'anyShape'> {
  if (!sizes) return { shape: [], anyShape: true };
  const shape = sizes.map((size) => (size === null ? -1 : Number(size)));
  const elements = shape.reduce((product, size) => product * Math.abs(size), 1);
  if (!shape.every((size) => Number.isInteger(size) && size >= -1) || elements > Number.MAX_SAFE_INTEGER) {
    throw refusal(
      'MODEL_SHAPE',
      path,
      `${quote(name)} has the shape ${quote(JSON.stringify(sizes))}; expected whole dimensions from 0 up, or -1, and at most 2^53 elements. Convert the model again.`,
    );
  }
  return { shape };
}

/** @throws AppError MODEL_MALFORMED for a name that cannot be a key */
export function requireName(name: string | undefined, path: string): string {
  if (name && name !== '__proto__') return name;
  throw refusal('MODEL_MALFORMED', path, `expected a name that can be a key, got ${quote(name ?? '')}. Rename it.`);
}
