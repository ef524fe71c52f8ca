import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { featuresToTensors, rowsOf, tensorToJson } from '../../../src/inference/tensor-json/index.ts';
import { type Dtype, dtypes, elementCount, type Tensor, typedArrayOf } from '../../../src/lib/tensor.ts';

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });

/** Any bits at all for numeric dtypes: every NaN, infinity and extreme integer appears. */
const tensorOf = (dtype: Dtype): fc.Arbitrary<Tensor> =>
  shapes.chain((shape): fc.Arbitrary<Tensor> => {
    const count = elementCount(shape);
    const exactly = { minLength: count, maxLength: count };
    if (dtype === 'string')
      return fc.array(fc.string({ unit: 'grapheme' }), exactly).map((data) => ({ dtype, shape, data }));
    if (dtype === 'bool') {
      return fc
        .array(fc.integer({ min: 0, max: 1 }), exactly)
        .map((data) => ({ dtype, shape, data: Uint8Array.from(data) }));
    }
    const TypedArray = typedArrayOf(dtype);
    const bytes = count * TypedArray.BYTES_PER_ELEMENT;
    return fc
      .oneof(
        fc.uint8Array({ minLength: bytes, maxLength: bytes }),
        fc.constantFrom(0, 0x7f, 0x80, 0xff).map((byte) => new Uint8Array(bytes).fill(byte)),
      )
      .map((raw) => ({ dtype, shape, data: new TypedArray(raw.slice().buffer) }));
  });

/** What JSON cannot carry: the sign of zero and the payload of a NaN. */
const canonical = ({ dtype, data }: Tensor): readonly unknown[] =>
  dtype === 'float16'
    ? Array.from(data as Uint16Array, (bits) => ((bits & 0x7fff) > 0x7c00 ? 0x7e00 : bits === 0x8000 ? 0 : bits))
    : Array.from(data as readonly unknown[], (value) => (Object.is(value, -0) ? 0 : value));

describe.each(dtypes)('%s', (dtype) => {
  it('comes back exact through JSON text as a typed object', () => {
    fc.assert(
      fc.property(tensorOf(dtype), (tensor) => {
        const json = JSON.parse(JSON.stringify(tensorToJson(tensor)));
        const back = featuresToTensors({ x: json }, [{ name: 'x', dtype, shape: tensor.shape }]).x as Tensor;
        expect(back.shape).toEqual(tensor.shape);
        expect(back.data.constructor).toBe(tensor.data.constructor);
        expect(canonical(back)).toEqual(canonical(tensor));
      }),
    );
  });

  it('comes back exact as nested arrays when all values are finite', () => {
    fc.assert(
      fc.property(tensorOf(dtype), (tensor) => {
        fc.pre(tensorToJson(tensor).data.every((value) => dtype === 'string' || !/N|I/.test(String(value))));
        const nested = JSON.parse(JSON.stringify(rowsOf(tensor) ?? null));
        fc.pre(elementCount(tensor.shape) > 0);
        const back = featuresToTensors(nested, [{ name: 'x', dtype, shape: tensor.shape }]).x as Tensor;
        expect(back.shape).toEqual(tensor.shape);
        expect(canonical(back)).toEqual(canonical(tensor));
      }),
    );
  });

  it.skipIf(dtype === 'string')('comes back bit for bit from base64', () => {
    fc.assert(
      fc.property(tensorOf(dtype), (tensor) => {
        const bytes = tensor.data as Uint8Array;
        const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
        const typed = { dtype, shape: tensor.shape, base64 };
        const back = featuresToTensors(typed, [{ name: 'x', dtype, shape: tensor.shape }]).x as Tensor;
        expect(Buffer.from((back.data as Uint8Array).buffer).toString('base64')).toBe(base64);
      }),
    );
  });
});

describe('tensorToJson', () => {
  it('names NaN and infinities, and spells integers beyond 2^53', () => {
    const float = Float32Array.of(1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect(tensorToJson({ dtype: 'float32', shape: [4], data: float }).data).toEqual([
      1.5,
      'NaN',
      'Infinity',
      '-Infinity',
    ]);
    const int = BigInt64Array.of(2n ** 53n - 1n, 2n ** 53n, -(2n ** 63n));
    expect(tensorToJson({ dtype: 'int64', shape: [3], data: int }).data).toEqual([
      9007199254740991,
      '9007199254740992',
      '-9223372036854775808',
    ]);
  });

  it('nests rows by shape', () => {
    const data = Int8Array.of(1, 2, 3, 4, 5, 6);
    expect(rowsOf({ dtype: 'int8', shape: [1, 3, 2], data })).toEqual([
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ]);
    expect(rowsOf({ dtype: 'bool', shape: [], data: Uint8Array.of(1) })).toBe(true);
    expect(rowsOf({ dtype: 'int8', shape: [2, 0], data: new Int8Array() })).toEqual([[], []]);
  });
});
