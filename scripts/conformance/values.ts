import type { Dtype, Tensor } from '../../src/lib/tensor.ts';

/** One element of a tensor as a plain JavaScript value; 64-bit integers stay exact. */
export type Value = number | bigint | string | boolean;

/** A tensor with its elements as plain values, row-major: what two sides are compared by. */
export interface Values {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: readonly Value[];
}

/** A tensor's elements as plain values: float16 bits become numbers, bool bytes become true and false. */
export function valuesOf({ dtype, shape, data }: Tensor): Values {
  const plain = [...data] as Value[];
  if (dtype === 'float16') return { dtype, shape, data: plain.map((bits) => halfToNumber(Number(bits))) };
  if (dtype === 'bool') return { dtype, shape, data: plain.map((byte) => byte !== 0) };
  return { dtype, shape, data: plain };
}

/**
 * The number that 16 bits of IEEE 754 binary16 stand for.
 *
 * @example halfToNumber(0x3c00) // 1
 */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
