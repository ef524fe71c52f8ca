import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { featuresToTensors } from '../../../src/inference/tensor-json/index.ts';
import { type Dtype, dtypes, elementCount, type TensorSpec } from '../../../src/lib/tensor.ts';

const spec = (dtype: Dtype, shape: readonly number[], more: Partial<TensorSpec> = {}): TensorSpec => ({
  name: 'input',
  dtype,
  shape,
  ...more,
});

function refusal(features: unknown, ...specs: TensorSpec[]): AppError {
  try {
    featuresToTensors(features, specs);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  }
  return expect.fail(`accepted ${JSON.stringify(features)}`);
}

describe('forms', () => {
  it.each<[string, unknown, readonly number[], readonly number[]]>([
    [
      'nested',
      [
        [1, 2],
        [3, 4],
      ],
      [-1, 2],
      [2, 2],
    ],
    ['fixed nested', [[[1, 2, 3, 4]]], [1, 1, 4], [1, 1, 4]],
    ['flat for a fixed shape', [1, 2, 3, 4], [1, 2, 2], [1, 2, 2]],
    ['flat with a free batch', [1, 2, 3, 4], [-1, 2], [2, 2]],
    [
      'a row without the batch',
      [
        [1, 2],
        [3, 4],
      ],
      [-1, 2, 2],
      [1, 2, 2],
    ],
    ['a row of free length', [1, 2, 3], [-1, -1], [1, 3]],
    ['a bare number', 5, [], []],
    ['a bare number for [1]', 5, [1], [1]],
    ['a bare number as a batch of one', 5, [-1], [1]],
    ['an array of one for a scalar', [5], [], []],
    ['an empty batch', [], [-1, 3], [0, 3]],
    ['an empty row', [[]], [-1, -1], [1, 0]],
    ['a fixed empty', [], [0], [0]],
    ['typed', { dtype: 'int32', shape: [2, 1], data: [1, 2] }, [-1, 1], [2, 1]],
    ['typed row without the batch', { dtype: 'int32', shape: [2], data: [1, 2] }, [-1, 2], [1, 2]],
    ['typed scalar', { dtype: 'int32', shape: [], data: [1] }, [], []],
    ['typed empty', { dtype: 'int32', shape: [0, 3], data: [] }, [-1, 3], [0, 3]],
    ['base64', { dtype: 'int32', shape: [2], base64: 'AQAAAAIAAAA=' }, [2], [2]],
  ])('%s', (_name, value, declared, shape) => {
    for (const features of [{ input: value }, value]) {
      const { input } = featuresToTensors(features, [spec('int32', declared)]);
      expect(input?.shape).toEqual(shape);
      expect(input?.data).toBeInstanceOf(Int32Array);
      expect(input?.data.length).toBe(elementCount(shape));
    }
  });

  it('reads base64 as little-endian', () => {
    const { input } = featuresToTensors({ dtype: 'int32', shape: [2], base64: 'AQAAAAIAAAA=' }, [spec('int32', [2])]);
    expect([...(input?.data ?? [])]).toEqual([1, 2]);
  });

  it('keeps row-major order through nesting', () => {
    const { input } = featuresToTensors(
      [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ],
      [spec('uint8', [-1, 2, 2])],
    );
    expect(input?.data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  });

  it('keeps 64-bit integers exact', () => {
    const data = ['9007199254740993', 2, -3, '-9223372036854775808'];
    expect(featuresToTensors(data, [spec('int64', [-1])]).input?.data).toEqual(
      BigInt64Array.of(9007199254740993n, 2n, -3n, -(2n ** 63n)),
    );
    expect(featuresToTensors(['18446744073709551615'], [spec('uint64', [1])]).input?.data).toEqual(
      BigUint64Array.of(2n ** 64n - 1n),
    );
  });

  it('takes NaN and infinities by name in typed floats', () => {
    for (const dtype of ['float16', 'float32', 'float64'] as const) {
      const typed = { dtype, shape: [3], data: ['NaN', 'Infinity', '-Infinity'] };
      const { input } = featuresToTensors(typed, [spec(dtype, [3])]);
      const expected =
        dtype === 'float16'
          ? [0x7e00, 0x7c00, 0xfc00]
          : [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      expect([...(input?.data ?? [])]).toEqual(expected);
    }
  });

  it('leaves optional inputs out, and takes the bare value for the only required one', () => {
    const specs = [spec('float32', [1]), spec('float32', [1], { name: 'bias', optional: true })];
    expect(Object.keys(featuresToTensors({ input: [1] }, specs))).toEqual(['input']);
    expect(Object.keys(featuresToTensors({ input: [1], bias: [2] }, specs))).toEqual(['input', 'bias']);
    expect(Object.keys(featuresToTensors([1], specs))).toEqual(['input']);
  });

  it('tells a typed object from inputs that are called dtype and data', () => {
    const specs = [spec('string', [], { name: 'dtype' }), spec('string', [], { name: 'data' })];
    expect(featuresToTensors({ dtype: 'a', data: 'b' }, specs).data?.data).toEqual(['b']);
  });

  it('takes __proto__ as a name like any other', () => {
    const features = JSON.parse('{"__proto__": [1]}');
    const tensors = featuresToTensors(features, [spec('int8', [1], { name: '__proto__' })]);
    expect(Object.keys(tensors)).toEqual(['__proto__']);
    expect(refusal(features, spec('int8', [1])).violations[0]?.path).toBe('features.__proto__');
  });
});

describe('refusals', () => {
  it.each<[string, unknown, Dtype, readonly number[], string, string]>([
    ['wrong name', { inptu: [1], input: [1] }, 'int8', [1], 'INPUT_NAME', 'features.inptu'],
    ['missing', {}, 'int8', [1], 'INPUT_NAME', 'features.input'],
    ['nothing', undefined, 'int8', [1], 'INPUT_NAME', 'features'],
    ['null', { input: null }, 'int8', [1], 'INPUT_DTYPE', 'features.input'],
    ['an object', { input: { a: 1 } }, 'int8', [1], 'INPUT_DTYPE', 'features.input'],
    ['wrong size', { input: [[1, 2, 3]] }, 'int8', [-1, 2], 'INPUT_SHAPE', 'features.input'],
    ['wrong rank', { input: [[[1, 2]]] }, 'int8', [-1, 2], 'INPUT_SHAPE', 'features.input'],
    ['flat that fits no shape', { input: [1, 2, 3] }, 'int8', [-1, 2], 'INPUT_SHAPE', 'features.input'],
    ['flat that fits several', { input: [1, 2, 3, 4] }, 'int8', [-1, -1, -1], 'INPUT_SHAPE', 'features.input'],
    ['a bare number for a row', { input: 1 }, 'int8', [-1, 2], 'INPUT_SHAPE', 'features.input'],
    ['a ragged row', { input: [[1, 2], [3]] }, 'int8', [-1, 2], 'INPUT_SHAPE', 'features.input[1]'],
    ['a number among rows', { input: [[1, 2], 3] }, 'int8', [-1, 2], 'INPUT_SHAPE', 'features.input[1]'],
    ['an array among numbers', { input: [1, [2]] }, 'int8', [2], 'INPUT_DTYPE', 'features.input[1]'],
    [
      'a string',
      {
        input: [
          [1, 2],
          [3, '4'],
        ],
      },
      'int8',
      [-1, 2],
      'INPUT_DTYPE',
      'features.input[1][1]',
    ],
    ['a fraction', [1.5], 'int32', [1], 'INPUT_DTYPE', 'features[0]'],
    ['int8 128', [128], 'int8', [1], 'INPUT_DTYPE', 'features[0]'],
    ['uint8 -1', [-1], 'uint8', [1], 'INPUT_DTYPE', 'features[0]'],
    ['uint32 2^32', [2 ** 32], 'uint32', [1], 'INPUT_DTYPE', 'features[0]'],
    ['int64 2^53+1 as a number', [2 ** 53 + 1], 'int64', [1], 'INPUT_DTYPE', 'features[0]'],
    ['int64 2^63', ['9223372036854775808'], 'int64', [1], 'INPUT_DTYPE', 'features[0]'],
    ['uint64 -1', ['-1'], 'uint64', [1], 'INPUT_DTYPE', 'features[0]'],
    ['int64 hexadecimal', ['0x10'], 'int64', [1], 'INPUT_DTYPE', 'features[0]'],
    ['int64 1e999', [Number.POSITIVE_INFINITY], 'int64', [1], 'INPUT_NOT_FINITE', 'features[0]'],
    ['bool 1', [1], 'bool', [1], 'INPUT_DTYPE', 'features[0]'],
    ['a number for string', [1], 'string', [1], 'INPUT_DTYPE', 'features[0]'],
    ['null in floats', [null], 'float32', [1], 'INPUT_DTYPE', 'features[0]'],
    ['true in floats', [true], 'float64', [1], 'INPUT_DTYPE', 'features[0]'],
    ['1e999', [JSON.parse('1e999')], 'float64', [1], 'INPUT_NOT_FINITE', 'features[0]'],
    ['NaN by name in an array', ['NaN'], 'float32', [1], 'INPUT_NOT_FINITE', 'features[0]'],
    [
      '1e999 in a typed object',
      { dtype: 'float32', shape: [1], data: [Infinity] },
      'float32',
      [1],
      'INPUT_NOT_FINITE',
      'features.data[0]',
    ],
    [
      'NaN by name in typed integers',
      { dtype: 'int8', shape: [1], data: ['NaN'] },
      'int8',
      [1],
      'INPUT_NOT_FINITE',
      'features.data[0]',
    ],
    ['float32 1e300', [1e300], 'float32', [1], 'INPUT_DTYPE', 'features[0]'],
    ['float16 65520', [65520], 'float16', [1], 'INPUT_DTYPE', 'features[0]'],
    [
      'typed of another dtype',
      { dtype: 'float64', shape: [1], data: [1] },
      'float32',
      [1],
      'INPUT_DTYPE',
      'features.dtype',
    ],
    [
      'typed of an unknown dtype',
      { dtype: 'FP32', shape: [1], data: [1] },
      'float32',
      [1],
      'INPUT_DTYPE',
      'features.dtype',
    ],
    ['typed without a shape', { dtype: 'int8', data: [1] }, 'int8', [1], 'INPUT_SHAPE', 'features.shape'],
    [
      'typed of another shape',
      { dtype: 'int8', shape: [2], data: [1, 2] },
      'int8',
      [1],
      'INPUT_SHAPE',
      'features.shape',
    ],
    ['a negative dimension', { dtype: 'int8', shape: [-1], data: [1] }, 'int8', [-1], 'INPUT_SHAPE', 'features.shape'],
    [
      'a huge shape',
      { dtype: 'int8', shape: [2 ** 31 - 1, 2 ** 31 - 1], data: [1] },
      'int8',
      [-1, -1],
      'INPUT_SHAPE',
      'features.data',
    ],
    [
      'nested typed data',
      { dtype: 'int8', shape: [1, 1], data: [[1]] },
      'int8',
      [1, 1],
      'INPUT_DTYPE',
      'features.data[0]',
    ],
    [
      'both data and base64',
      { dtype: 'int8', shape: [1], data: [1], base64: 'AQ==' },
      'int8',
      [1],
      'INPUT_DTYPE',
      'features',
    ],
    [
      'an unknown typed field',
      { dtype: 'int8', shape: [1], data: [1], order: 'C' },
      'int8',
      [1],
      'INPUT_NAME',
      'features.order',
    ],
    ['short base64', { dtype: 'int16', shape: [1], base64: 'AQ==' }, 'int16', [1], 'INPUT_SHAPE', 'features.base64'],
    [
      'base64 that is none',
      { dtype: 'int8', shape: [1], base64: '%%==' },
      'int8',
      [1],
      'INPUT_DTYPE',
      'features.base64',
    ],
    [
      'base64 strings',
      { dtype: 'string', shape: [1], base64: 'AQ==' },
      'string',
      [1],
      'INPUT_DTYPE',
      'features.base64',
    ],
    ['base64 bool of 2', { dtype: 'bool', shape: [1], base64: 'Ag==' }, 'bool', [1], 'INPUT_DTYPE', 'features.base64'],
  ])('%s', (_name, features, dtype, shape, code, path) => {
    const error = refusal(features, spec(dtype, shape));
    expect(error.code).toBe(code);
    expect(error.violations[0]?.path).toBe(path);
    expect(error.message).toMatch(/expected .*came |no input of this name|is missing/);
  });

  it('collects what is wrong everywhere, the first giving the code, at most 32', () => {
    const specs = [spec('float32', [2], { name: 'a' }), spec('int8', [-1, 2], { name: 'b' })];
    const error = refusal(
      {
        a: ['x', 1e300],
        b: [
          [1, 2],
          [300, 4],
        ],
        c: 1,
      },
      ...specs,
    );
    expect(error.code).toBe('INPUT_NAME');
    expect(error.violations.map(({ path }) => path)).toEqual([
      'features.c',
      'features.a[0]',
      'features.a[1]',
      'features.b[1][0]',
    ]);
    expect(error.message).toContain('and 3 more');
    expect(refusal(new Array(5000).fill('x'), spec('int8', [-1])).violations).toHaveLength(32);
  });

  it('neither recurses without a bound nor takes memory for what was not sent', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(refusal({ input: deep }, spec('int8', [-1])).code).toBe('INPUT_SHAPE');
    const promising = [new Array(100_000).fill(1), ...Array.from({ length: 99_999 }, () => [])];
    expect(refusal({ input: promising }, spec('float64', [-1, -1])).code).toBe('INPUT_SHAPE');
  });

  it('answers any JSON with tensors of the declared dtype or an AppError', () => {
    const specs = fc.record({
      name: fc.constant('input'),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 }),
    });
    const typed = fc.record({
      dtype: fc.oneof(fc.constantFrom(...dtypes), fc.jsonValue()),
      shape: fc.oneof(fc.array(fc.integer({ min: -1, max: 3 })), fc.jsonValue()),
      data: fc.jsonValue(),
    });
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), typed, fc.record({ input: fc.jsonValue() })),
        specs,
        (features, declared) => {
          try {
            const { input } = featuresToTensors(features, [declared]);
            expect(input?.dtype).toBe(declared.dtype);
            expect(input?.data.length).toBe(elementCount(input?.shape ?? [-1]));
          } catch (error) {
            expect(error).toBeInstanceOf(AppError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

// Counting what runs takes three times as long.
it.skipIf(process.env.COVERAGE)('translates 784 nested numbers in under 20 µs', () => {
  const image = [
    [Array.from({ length: 28 }, (_, row) => Array.from({ length: 28 }, (_, column) => (row * column) / 784))],
  ];
  const specs = [spec('float32', [1, 1, 28, 28])];
  const microsecondsOf = (runs: number): number => {
    const start = performance.now();
    for (let run = 0; run < runs; run++) featuresToTensors({ input: image }, specs);
    return ((performance.now() - start) * 1000) / runs;
  };
  microsecondsOf(2000);
  // The best of several: another process may take the core meanwhile.
  expect(Math.min(...Array.from({ length: 10 }, () => microsecondsOf(200)))).toBeLessThan(20);
});
