import { float16Bits } from '../../lib/float16.ts';
import { type Dtype, type TensorData, typedArrayOf } from '../../lib/tensor.ts';
import { describe, type InputCode } from './violations.ts';

/** Told of an element that the dtype cannot hold, by its row-major index. */
export type BadElement = (index: number, code: InputCode, message: string) => void;

type Writable = Exclude<TensorData, readonly string[]> | string[];
type Numbers = Exclude<Writable, string[] | BigInt64Array | BigUint64Array>;

const integerRanges = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 4294967295],
} as const;

const bigRanges = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

const nonFiniteNames: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** The number a string names, in typed objects of float dtypes only. */
const nonFinite = (value: unknown): number | undefined =>
  typeof value === 'string' && Object.hasOwn(nonFiniteNames, value) ? nonFiniteNames[value] : undefined;

export const newData = (dtype: Dtype, count: number): Writable =>
  dtype === 'string' ? new Array<string>(count).fill('') : new (typedArrayOf(dtype))(count);

/**
 * Writes the elements of one array into a tensor's data, checking that the dtype can hold each.
 *
 * @param target  as `newData` made it for the dtype.
 * @param offset  where the first element goes.
 * @param typed   true inside `{dtype, shape, data}`, where NaN and infinities may be named.
 */
export function writeElements(
  dtype: Dtype,
  source: readonly unknown[],
  target: Writable,
  offset: number,
  typed: boolean,
  bad: BadElement,
): void {
  switch (dtype) {
    case 'float32':
    case 'float64':
    case 'float16':
      writeFloats(dtype, source, target as Numbers, offset, typed, bad);
      break;
    case 'int64':
    case 'uint64':
      writeBigIntegers(dtype, source, target as BigInt64Array | BigUint64Array, offset, bad);
      break;
    case 'bool':
      writeBooleans(source, target as Uint8Array, offset, bad);
      break;
    case 'string':
      writeStrings(source, target as string[], offset, bad);
      break;
    default:
      writeIntegers(dtype, source, target as Numbers, offset, bad);
  }
}

function writeBooleans(source: readonly unknown[], target: Uint8Array, offset: number, bad: BadElement): void {
  for (let index = 0; index < source.length; index++) {
    const value = source[index];
    if (typeof value === 'boolean') target[offset + index] = value ? 1 : 0;
    else badKind(bad, offset + index, value, 'true or false for dtype bool');
  }
}

function writeStrings(source: readonly unknown[], target: string[], offset: number, bad: BadElement): void {
  for (let index = 0; index < source.length; index++) {
    const value = source[index];
    if (typeof value === 'string') target[offset + index] = value;
    else badKind(bad, offset + index, value, 'a string for dtype string');
  }
}

function writeFloats(
  dtype: 'float32' | 'float64' | 'float16',
  source: readonly unknown[],
  target: Numbers,
  offset: number,
  typed: boolean,
  bad: BadElement,
): void {
  const half = dtype === 'float16';
  for (let index = 0; index < source.length; index++) {
    const value = source[index];
    if (typeof value === 'number') {
      const stored = half ? float16Bits(value) : value;
      target[offset + index] = stored;
      // Reading back tells whether the number, or what the dtype made of it, is finite.
      const fits = half ? (stored & 0x7c00) !== 0x7c00 : Number.isFinite(target[offset + index]);
      if (!fits) badFloat(bad, offset + index, value, dtype);
      continue;
    }
    const named = nonFinite(value);
    if (named === undefined) badKind(bad, offset + index, value, `a number for dtype ${dtype}`);
    else if (!typed) badNotFinite(bad, offset + index, value);
    else target[offset + index] = half ? float16Bits(named) : named;
  }
}

function writeIntegers(
  dtype: keyof typeof integerRanges,
  source: readonly unknown[],
  target: Numbers,
  offset: number,
  bad: BadElement,
): void {
  const [lowest, highest] = integerRanges[dtype];
  for (let index = 0; index < source.length; index++) {
    const value = source[index];
    if (Number.isInteger(value) && (value as number) >= lowest && (value as number) <= highest) {
      target[offset + index] = value as number;
    } else {
      badInteger(bad, offset + index, value, `an integer from ${lowest} to ${highest} for dtype ${dtype}`);
    }
  }
}

function writeBigIntegers(
  dtype: keyof typeof bigRanges,
  source: readonly unknown[],
  target: BigInt64Array | BigUint64Array,
  offset: number,
  bad: BadElement,
): void {
  const [lowest, highest] = bigRanges[dtype];
  for (let index = 0; index < source.length; index++) {
    const value = source[index];
    const exact = Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,20}$/.test(value));
    const integer = exact ? BigInt(value as number | string) : undefined;
    if (integer !== undefined && integer >= lowest && integer <= highest) target[offset + index] = integer;
    else {
      const wanted = `an integer from ${lowest} to ${highest} for dtype ${dtype}`;
      badInteger(bad, offset + index, value, `${wanted}, as a decimal string beyond ±9007199254740991`);
    }
  }
}

function badKind(bad: BadElement, index: number, value: unknown, expected: string): void {
  bad(index, 'INPUT_DTYPE', `expected ${expected}, came ${describe(value)}`);
}

function badNotFinite(bad: BadElement, index: number, value: unknown): void {
  const cure = '"NaN", "Infinity" and "-Infinity" are taken only inside {dtype, shape, data} of a float dtype';
  bad(index, 'INPUT_NOT_FINITE', `expected a finite number, came ${describe(value)}; ${cure}`);
}

function badFloat(bad: BadElement, index: number, value: number, dtype: Dtype): void {
  if (!Number.isFinite(value)) badNotFinite(bad, index, value);
  else bad(index, 'INPUT_DTYPE', `expected a number that ${dtype} can hold, came ${value}; scale it down`);
}

function badInteger(bad: BadElement, index: number, value: unknown, expected: string): void {
  if (nonFinite(value) !== undefined || (typeof value === 'number' && !Number.isFinite(value))) {
    bad(index, 'INPUT_NOT_FINITE', `expected ${expected}, came ${describe(value)}`);
  } else badKind(bad, index, value, expected);
}
