import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float32RowsJson } from '../../src/lib/float32-json.ts';

const reread = (data: Float32Array, columns: number) =>
  JSON.parse(float32RowsJson(data, columns).toString()) as number[][];

describe('vectors as JSON', () => {
  it('gives back every float32, sign of zero aside', () => {
    const rows = fc.integer({ min: 1, max: 8 }).chain((columns) =>
      fc.integer({ min: 0, max: 5 }).chain((count) => {
        const length = columns * count;
        return fc.tuple(
          fc.constant(columns),
          fc.float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true }),
        );
      }),
    );
    fc.assert(
      fc.property(rows, ([columns, data]) => {
        const read = reread(data, columns);
        expect(read.length).toBe(data.length / columns);
        expect(read.every((row) => row.length === columns)).toBe(true);
        expect(Float32Array.from(read.flat()).map((x) => x + 0)).toEqual(data.map((x) => x + 0));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back every float32 of the range that is written by hand, one in a hundred', () => {
    const bits = new Uint32Array(1);
    const value = new Float32Array(bits.buffer);
    // 2^-10 up to 1: exponents 117 to 126.
    for (let pattern = 117 << 23; pattern < 127 << 23; pattern += 97) {
      bits[0] = pattern;
      const [[read = Number.NaN] = []] = reread(value, 1);
      if (Math.fround(read) !== value[0]) expect.fail(`${value[0]} became ${read}`);
    }
  });

  it.each([
    [[], 3, '[]'],
    [[1, 2], 0, '[]'],
    [[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 3, '[[null,null,null]]'],
    [[0, 1, -1, 2 ** -10], 2, '[[0,1],[-1,0.0009765625]]'],
    [[1 - 2 ** -24], 1, '[[0.9999999404]]'],
    [[3.4028234663852886e38, 1e-45], 2, '[[3.4028234663852886e+38,1.401298464324817e-45]]'],
  ])('%j in rows of %d', (values, columns, expected) => {
    expect(float32RowsJson(Float32Array.from(values), columns).toString()).toBe(expected);
  });
});
