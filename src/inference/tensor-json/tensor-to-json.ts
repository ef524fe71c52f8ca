import { float16Value } from '../../lib/float16.ts';
import type { Dtype, Tensor } from '../../lib/tensor.ts';

export type JsonElement = number | string | boolean;
export type JsonRows = JsonElement | readonly JsonRows[];

/** A tensor as JSON carries it; `data` is flat and row-major. */
export interface TensorJson {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: readonly JsonElement[];
}

const finiteOrName = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function elements<T, R>(data: ArrayLike<T>, convert: (value: T) => R): R[] {
  const out = new Array<R>(data.length);
  for (let index = 0; index < data.length; index++) out[index] = convert(data[index] as T);
  return out;
}

function floats(data: Float32Array | Float64Array): (number | string)[] {
  const out = new Array<number | string>(data.length);
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as number;
    // Only NaN and infinities do not give zero here; cheaper than a call for each element.
    out[index] = value - value === 0 ? value : String(value);
  }
  return out;
}

function toElements({ dtype, data }: Tensor): readonly JsonElement[] {
  switch (dtype) {
    case 'string':
      return [...(data as readonly string[])];
    case 'float32':
    case 'float64':
      return floats(data as Float32Array);
    case 'float16':
      return elements(data as Uint16Array, (bits) => finiteOrName(float16Value(bits)));
    case 'bool':
      return elements(data as Uint8Array, (bit) => bit !== 0);
    case 'int64':
    case 'uint64':
      return elements(data as BigInt64Array, exactInteger);
    default:
      return Array.from(data as Int32Array);
  }
}

/**
 * A tensor as replies and events carry it: integers of 64 bits are numbers while exact and decimal strings
 * beyond, float16 are numbers, booleans true or false, and NaN and infinities strings.
 *
 * @example
 * tensorToJson({ dtype: 'int64', shape: [1], data: BigInt64Array.of(2n ** 60n) }).data // ['1152921504606846976']
 */
export const tensorToJson = (tensor: Tensor): TensorJson => ({
  dtype: tensor.dtype,
  shape: [...tensor.shape],
  data: toElements(tensor),
});

/** The same elements as nested arrays of the tensor's shape; a scalar is the bare value. */
export function rowsOf(tensor: Tensor): JsonRows {
  let rows: readonly JsonRows[] = toElements(tensor);
  for (let axis = tensor.shape.length - 1; axis > 0; axis--) {
    const size = tensor.shape[axis] as number;
    const count = tensor.shape.slice(0, axis).reduce((product, length) => product * length, 1);
    const inner = rows;
    rows = Array.from({ length: count }, (_, row) => inner.slice(row * size, (row + 1) * size));
  }
  return tensor.shape.length === 0 ? (rows[0] as JsonRows) : rows;
}
