import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosine } from '../../src/lib/cosine.ts';

const vector = (size: number) =>
  fc.float32Array({ minLength: size, maxLength: size, noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

describe('cosine', () => {
  it.each([
    // 1 - scipy.spatial.distance.cosine(a, b)
    [[1, 2, 3], [4, 5, 6], 0.9746318461970762],
    [[1, 0], [0, 1], 0],
    [[1, 1], [-2, -2], -1],
    [[0.5, 0.25, -1], [2, -1, 0.5], 0.09523809523809523],
    [[0, 0], [1, 1], 0],
    [[0, 0], [0, 0], 0],
  ])('of %j and %j is %d', (a, b, expected) => {
    expect(cosine(Float32Array.from(a), Float32Array.from(b))).toBeCloseTo(expected, 12);
  });

  it('stays between -1 and 1, is symmetric and does not see length', () => {
    const pair = fc.integer({ min: 1, max: 16 }).chain((size) => fc.tuple(vector(size), vector(size)));
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const value = cosine(a, b);
        expect(Math.abs(value)).toBeLessThanOrEqual(1);
        expect(cosine(b, a)).toBe(value);
        const doubled = a.map((x) => x * 2);
        expect(cosine(doubled, b)).toBeCloseTo(value, 6);
      }),
    );
  });
});
