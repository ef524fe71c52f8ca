import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference } from '../../../scripts/conformance/compare.ts';
import { valuesOf } from '../../../scripts/conformance/values.ts';
import { fromWire, toWire } from '../../../scripts/conformance/wire.ts';
import type { Tensor } from '../../../src/lib/tensor.ts';

describe('toWire', () => {
  it('writes what the contract asks for', () => {
    expect(toWire({ dtype: 'int64', shape: [1, 3], data: BigInt64Array.of(9007199254740993n, 2n, -3n) })).toEqual({
      dtype: 'int64',
      shape: [1, 3],
      data: ['9007199254740993', 2, -3],
    });
    expect(
      toWire({ dtype: 'float32', shape: [4], data: Float32Array.of(0.5, Number.NaN, Infinity, -Infinity) }).data,
    ).toEqual([0.5, 'NaN', 'Infinity', '-Infinity']);
    expect(toWire({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }).data).toEqual([true, false]);
    expect(toWire({ dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }).data).toEqual([1]);
    expect(toWire({ dtype: 'string', shape: [], data: ['NaN'] })).toEqual({
      dtype: 'string',
      shape: [],
      data: ['NaN'],
    });
  });

  it('gives back the same tensor after JSON', () => {
    const tensors: fc.Arbitrary<Tensor> = fc.oneof(
      fc
        .array(fc.float())
        .map((list): Tensor => ({ dtype: 'float32', shape: [list.length], data: Float32Array.from(list) })),
      fc
        .array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
        .map((list): Tensor => ({ dtype: 'uint64', shape: [1, list.length], data: BigUint64Array.from(list) })),
      fc.array(fc.string()).map((data): Tensor => ({ dtype: 'string', shape: [data.length], data })),
      fc
        .array(fc.boolean())
        .map((list): Tensor => ({ dtype: 'bool', shape: [list.length], data: Uint8Array.from(list, Number) })),
    );
    fc.assert(
      fc.property(tensors, (tensor) => {
        const back = fromWire(JSON.parse(JSON.stringify(toWire(tensor))));
        expect(difference(back, valuesOf(tensor))).toBeUndefined();
      }),
    );
  });
});

describe('fromWire', () => {
  it('refuses what the contract does not allow', () => {
    const bad: [unknown, RegExp][] = [
      [{ dtype: 'bool', shape: [1], data: [1] }, /not how bool is written/],
      [{ dtype: 'int64', shape: [1], data: [9007199254740992] }, /not how int64 is written/],
      [{ dtype: 'int64', shape: [1], data: [1.5] }, /not how int64/],
      [{ dtype: 'float32', shape: [1], data: [null] }, /not how float32/],
      [{ dtype: 'float32', shape: [1], data: ['1'] }, /not how float32/],
      [{ dtype: 'int32', shape: [1], data: ['NaN'] }, /not how int32/],
      [{ dtype: 'string', shape: [1], data: [1] }, /not how string/],
      [{ dtype: 'float32', shape: [2], data: [1] }, /expected 2 values/],
      [{ dtype: 'float', shape: [1], data: [1] }, /expected a dtype/],
      [{ dtype: 'float32', shape: [-1], data: [] }, /whole numbers/],
      [{ dtype: 'float32', shape: [1] }, /array of data/],
      [null, /expected a dtype/],
    ];
    for (const [json, message] of bad) expect(() => fromWire(json)).toThrow(message);
  });
});
