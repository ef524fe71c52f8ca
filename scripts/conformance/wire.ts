import { type Dtype, dtypes, elementCount, type Tensor } from '../../src/lib/tensor.ts';
import { type Value, type Values, valuesOf } from './values.ts';

/** A tensor as JSON carries it, row-major. */
export interface WireTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}

const wide = new Set<Dtype>(['int64', 'uint64']);
const isFloat = (dtype: Dtype): boolean => dtype.startsWith('float');

/**
 * The typed object of a tensor: 64-bit integers as numbers while exact, else as decimal strings; NaN and
 * infinities as strings; float16 as numbers; booleans as true and false.
 */
export function toWire(tensor: Tensor): WireTensor {
  const { dtype, shape, data } = valuesOf(tensor);
  return { dtype, shape, data: data.map(wireValue) };
}

function wireValue(value: Value): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

/**
 * Reads a typed object from a reply, strictly: what the contract does not allow is an error, so a server that
 * writes `1` for `true` fails here.
 *
 * @throws Error naming what was expected and what came.
 */
export function fromWire(json: unknown): Values {
  const { dtype, shape, data } = (json ?? {}) as Partial<WireTensor>;
  if (!dtypes.includes(dtype as Dtype))
    throw new Error(`expected a dtype of the contract, got ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new Error(`expected a shape of whole numbers, got ${JSON.stringify(shape)}`);
  }
  if (!Array.isArray(data)) throw new Error(`expected an array of data, got ${typeof data}`);
  if (data.length !== elementCount(shape)) {
    throw new Error(`expected ${elementCount(shape)} values for shape [${shape}], got ${data.length}`);
  }
  return { dtype: dtype as Dtype, shape, data: data.map((value, index) => parseValue(dtype as Dtype, value, index)) };
}

function parseValue(dtype: Dtype, value: unknown, index: number): Value {
  const parsed = tryParse(dtype, value);
  if (parsed === undefined) throw new Error(`value ${index}: ${JSON.stringify(value)} is not how ${dtype} is written`);
  return parsed;
}

function tryParse(dtype: Dtype, value: unknown): Value | undefined {
  if (dtype === 'string') return typeof value === 'string' ? value : undefined;
  if (dtype === 'bool') return typeof value === 'boolean' ? value : undefined;
  if (wide.has(dtype)) {
    if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
    return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  }
  if (typeof value === 'number') return value;
  return isFloat(dtype) && /^(NaN|-?Infinity)$/.test(String(value)) ? Number(value) : undefined;
}
