import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float16Bits, float16Value } from '../../src/lib/float16.ts';

describe('float16', () => {
  it.each([
    // NumPy: np.float16(x).view(np.uint16)
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [1 / 3, 0x3555],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-1e300, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [6.097555160522461e-5, 0x03ff],
    [2049, 0x6800],
    [2051, 0x6802],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [Number.NaN, 0x7e00],
  ])('%d is 0x%s', (value, bits) => {
    expect(float16Bits(value)).toBe(bits);
  });

  it('gives back every one of the 65,536 bit patterns', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = float16Value(bits);
      if (Number.isNaN(value)) expect(bits & 0x7c00).toBe(0x7c00);
      else if (float16Bits(value) !== bits) expect.fail(`0x${bits.toString(16)} became ${value}`);
    }
  });

  it('rounds to the nearest of the two neighbours', () => {
    const ordered = Array.from({ length: 0x7c00 }, (_, bits) => float16Value(bits));
    fc.assert(
      fc.property(fc.double({ min: 0, max: 65504, noNaN: true }), (value) => {
        const bits = float16Bits(value);
        const error = Math.abs((ordered[bits] as number) - value);
        for (const neighbour of [ordered[bits - 1], ordered[bits + 1]]) {
          if (neighbour !== undefined) expect(error).toBeLessThanOrEqual(Math.abs(neighbour - value));
        }
      }),
    );
  });
});
