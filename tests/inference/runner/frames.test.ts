import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from '../../../src/inference/runner/frames.ts';
import { fromWire, toWire, type WireTensor } from '../../../src/inference/runner/wire-tensors.ts';
import { dtypes, type Tensor, type TensorMap, typedArrayOf } from '../../../src/lib/tensor.ts';

const tensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    seed: fc.nat(255),
    large: fc.boolean(),
  })
  .map(({ dtype, shape: small, seed, large }) => {
    const shape = large && dtype !== 'string' ? [...small, 3000] : small;
    const count = shape.reduce((product, size) => product * size, 1);
    if (dtype === 'string') return { dtype, shape, data: Array.from({ length: count }, (_, i) => `é${seed}-${i}\0`) };
    const data = new (typedArrayOf(dtype))(count);
    new Uint8Array(data.buffer).forEach((_, i, bytes) => {
      bytes[i] = (i * 31 + seed) % 256;
    });
    return { dtype, shape, data };
  });
const tensors: fc.Arbitrary<TensorMap> = fc
  .uniqueArray(fc.tuple(fc.oneof(fc.string(), fc.constant('__proto__')), tensor), {
    selector: ([name]) => name,
    maxLength: 4,
  })
  .map((entries) => Object.fromEntries(entries));

/** Bytes where numbers would compare NaN; the same for strings. */
const comparable = (map: TensorMap) =>
  Object.entries(map).map(([name, { dtype, shape, data }]) => [
    name,
    dtype,
    shape,
    Array.isArray(data)
      ? data
      : Buffer.from(
          (data as Uint8Array).buffer,
          (data as Uint8Array).byteOffset,
          (data as Uint8Array).byteLength,
        ).toString('hex'),
  ]);

describe('frames', () => {
  it('carry every dtype unchanged, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(tensors, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 70_000 }),
        (sent, step) => {
          const stream = Buffer.concat(
            sent.flatMap((map, id) => {
              const { tensors: headers, sections } = toWire(map);
              return encodeFrame({ id, headers }, sections);
            }),
          );
          const received: TensorMap[] = [];
          const reader = new FrameReader(({ header, body }) => {
            const { id, headers } = header as { id: number; headers: WireTensor[] };
            expect(id).toBe(received.length);
            received.push(fromWire(headers, body));
          });
          for (let at = 0; at < stream.length; at += step) reader.push(Buffer.from(stream.subarray(at, at + step)));
          expect(received.map(comparable)).toEqual(sent.map(comparable));
        },
      ),
      { numRuns: 200, seed: 11 },
    );
  });

  it('lays tensors over the bytes that arrived in one piece', () => {
    const { tensors: headers, sections } = toWire({ x: { dtype: 'float64', shape: [2], data: Float64Array.of(1, 2) } });
    const arrived = Buffer.concat(encodeFrame({ headers }, sections));
    const chunk = Buffer.from(new Uint8Array(arrived).buffer);
    new FrameReader(({ header, body }) => {
      const data = fromWire((header as { headers: WireTensor[] }).headers, body).x?.data as Float64Array;
      expect([...data]).toEqual([1, 2]);
      expect(data.buffer).toBe(chunk.buffer);
    }).push(chunk);
    expect.assertions(2);
  });

  it('refuses a stream that is out of step, and shapes beyond the bytes', () => {
    const reader = new FrameReader(() => {});
    expect(() => reader.push(Buffer.alloc(64, 0xff))).toThrow(RangeError);
    expect(() => fromWire([{ name: 'x', dtype: 'float32', shape: [100] }], Buffer.alloc(8))).toThrow(RangeError);
  });
});
