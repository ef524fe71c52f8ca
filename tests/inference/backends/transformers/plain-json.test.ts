import { describe, expect, it } from 'vitest';
import { plainJson } from '../../../../src/inference/backends/transformers/plain-json.ts';

describe('what a pipeline gives, as JSON carries it', () => {
  it.each<[string, unknown, unknown]>([
    ['a text', 'a', 'a'],
    ['nothing', null, null],
    ['true', true, true],
    ['a number', 1.5, 1.5],
    ['no number', Number.NaN, 'NaN'],
    ['an infinity', Number.NEGATIVE_INFINITY, '-Infinity'],
    ['a token id', 7n, 7],
    ['an integer beyond 53 bits', 2n ** 60n, '1152921504606846976'],
    ['a list', [1n, [Number.NaN], null], [1, ['NaN'], null]],
    ['an object', { a: { b: 2n } }, { a: { b: 2 } }],
    ['an object that holds some of what a tensor has', { dims: [1], data: [2n] }, { dims: [1], data: [2] }],
    ['an object that holds some of what an image has', { width: 1, height: 2n }, { width: 1, height: 2 }],
    ['an object that holds some of what a sound has', { audio: 'none' }, { audio: 'none' }],
    ['a typed array', Float32Array.of(0.5, Number.POSITIVE_INFINITY), [0.5, 'Infinity']],
    ['one of 64 bits', BigInt64Array.of(-1n), [-1]],
  ])('%s', (_name, value, json) => {
    expect(plainJson(value)).toEqual(json);
    expect(JSON.parse(JSON.stringify(plainJson(value)))).toEqual(json);
  });

  it('tensors, with their dtype and shape', () => {
    const tensor = { type: 'float32', dims: [1, 2], data: Float32Array.of(0.5, Number.NaN), size: 2 };
    expect(plainJson([{ mask: tensor }])).toEqual([{ mask: { dtype: 'float32', shape: [1, 2], data: [0.5, 'NaN'] } }]);
    expect(plainJson({ type: 'int64', dims: [1], data: BigInt64Array.of(3n) })).toEqual({
      dtype: 'int64',
      shape: [1],
      data: [3],
    });
  });

  it('images, by row, column and channel', () => {
    const image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(plainJson({ label: 'cat', mask: image })).toEqual({
      label: 'cat',
      mask: { dtype: 'uint8', shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] },
    });
  });

  it('sounds, with their rate', () => {
    expect(plainJson({ audio: Float32Array.of(0, 0.5, -1), sampling_rate: 16_000 })).toEqual({
      audio: { dtype: 'float32', shape: [3], data: [0, 0.5, -1] },
      sampling_rate: 16_000,
    });
  });
});
