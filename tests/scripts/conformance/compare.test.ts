import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference, firstDifference } from '../../../scripts/conformance/compare.ts';
import { halfToNumber, type Values, valuesOf } from '../../../scripts/conformance/values.ts';

const floats = (...data: number[]): Values => ({ dtype: 'float32', shape: [data.length], data });

describe('difference', () => {
  it('takes floats within rtol 1e-3 and atol 1e-7 of the expected value, as numpy.allclose does', () => {
    expect(difference(floats(1000.9), floats(1000))).toBeUndefined();
    expect(difference(floats(1001.1), floats(1000))).toBe('value 0: expected 1000, got 1001.1');
    expect(difference(floats(0.9e-7), floats(0))).toBeUndefined();
    expect(difference(floats(1.1e-7), floats(0))).toBeDefined();
    // The expected side scales the tolerance: 1 / 0.999 is in reach of neither order by symmetry.
    expect(difference(floats(1.0010005), floats(1))).toBeDefined();
    expect(difference(floats(1), floats(1.0010005))).toBeUndefined();
  });

  it('takes NaN for NaN and infinities by sign', () => {
    expect(difference(floats(Number.NaN, Infinity), floats(Number.NaN, Infinity))).toBeUndefined();
    expect(difference(floats(-Infinity), floats(Infinity))).toBeDefined();
    expect(difference(floats(0), floats(Number.NaN))).toBeDefined();
    expect(difference(floats(3e38), floats(Infinity))).toBeDefined();
  });

  it('wants integers, booleans, strings, dtypes and shapes exactly', () => {
    const int64 = (value: bigint): Values => ({ dtype: 'int64', shape: [], data: [value] });
    expect(difference(int64(9007199254740993n), int64(9007199254740993n))).toBeUndefined();
    expect(difference(int64(9007199254740992n), int64(9007199254740993n))).toBeDefined();
    expect(
      difference({ dtype: 'int32', shape: [1], data: [1000] }, { dtype: 'int32', shape: [1], data: [1001] }),
    ).toBeDefined();
    expect(
      difference({ dtype: 'bool', shape: [1], data: [false] }, { dtype: 'bool', shape: [1], data: [true] }),
    ).toBeDefined();
    expect(difference(floats(1), { ...floats(1), dtype: 'float64' })).toBe('expected dtype float64, got float32');
    expect(difference({ ...floats(1), shape: [1, 1] }, floats(1))).toBe('expected shape [1], got [1,1]');
    expect(difference({ ...floats(1), shape: [] }, { ...floats(1), shape: [1] })).toBeDefined();
  });

  it('names a missing output', () => {
    expect(firstDifference({}, { y: floats(1) })).toBe('output y: is missing');
    expect(firstDifference({ y: floats(1), more: floats(2) }, { y: floats(1) })).toBeUndefined();
  });
});

describe('halfToNumber', () => {
  it('knows the corner cases of binary16', () => {
    const cases: [number, number][] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x3555, 0.333251953125],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
      [0x7e00, Number.NaN],
    ];
    for (const [bits, number] of cases) expect(halfToNumber(bits)).toBe(number);
  });

  it('keeps the order of positive numbers', () => {
    const finite = fc.integer({ min: 0, max: 0x7bff });
    fc.assert(fc.property(finite, finite, (a, b) => a < b === halfToNumber(a) < halfToNumber(b)));
  });

  it('is used for float16 tensors', () => {
    expect(valuesOf({ dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) }).data).toEqual([1, -2]);
  });
});
