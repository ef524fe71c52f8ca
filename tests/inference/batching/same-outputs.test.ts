import { describe, expect, it } from 'vitest';
import { sameOutputs } from '../../../src/inference/batching/same-outputs.ts';
import type { Dtype, TensorData } from '../../../src/lib/tensor.ts';

const output = (dtype: Dtype, data: TensorData, shape = [data.length]) => ({ y: { dtype, shape, data } });

describe('sameOutputs', () => {
  it('allows floats the tolerance and nothing else', () => {
    expect(sameOutputs(output('float32', Float32Array.of(1)), output('float32', Float32Array.of(1.0001)))).toBe(true);
    expect(sameOutputs(output('float32', Float32Array.of(1)), output('float32', Float32Array.of(1.0003)))).toBe(false);
    expect(sameOutputs(output('float64', Float64Array.of(0)), output('float64', Float64Array.of(9e-6)))).toBe(true);
    expect(sameOutputs(output('int64', BigInt64Array.of(1n)), output('int64', BigInt64Array.of(2n)))).toBe(false);
    expect(sameOutputs(output('string', ['a']), output('string', ['a']))).toBe(true);
    expect(sameOutputs(output('string', ['a']), output('string', ['b']))).toBe(false);
  });

  it('takes NaN and infinities for themselves', () => {
    const odd = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect(sameOutputs(output('float32', odd), output('float32', odd.slice()))).toBe(true);
    expect(sameOutputs(output('float32', Float32Array.of(1)), output('float32', Float32Array.of(Number.NaN)))).toBe(
      false,
    );
    expect(
      sameOutputs(
        output('float32', Float32Array.of(1e38)),
        output('float32', Float32Array.of(Number.POSITIVE_INFINITY)),
      ),
    ).toBe(false);
  });

  it('compares names, dtypes and shapes', () => {
    const one = Float32Array.of(1, 2);
    expect(sameOutputs(output('float32', one), output('float32', one, [1, 2]))).toBe(false);
    expect(sameOutputs(output('int32', Int32Array.of(1)), output('float32', Float32Array.of(1)))).toBe(false);
    expect(sameOutputs(output('float32', one), { z: { dtype: 'float32', shape: [2], data: one } })).toBe(false);
    expect(sameOutputs({}, output('float32', one))).toBe(false);
  });
});
