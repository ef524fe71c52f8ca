import { describe, expect, it } from 'vitest';
import { OnnxBackend } from '../../../src/inference/backends/onnx.ts';
import {
  type Dtype,
  dtypes,
  elementCount,
  type Tensor,
  type TensorData,
  typedArrayOf,
} from '../../../src/lib/tensor.ts';
import { addOnnx, defaultedOnnx, identityOnnx, sequenceBesideTensorOnnx, tinyOnnx } from '../../support/tiny-onnx.ts';
import { tinyPackage } from '../../support/tiny-package.ts';

const backend = new OnnxBackend();
const load = async (bytes: Uint8Array | string, options = {}) =>
  backend.load(await tinyPackage({ 'model.onnx': bytes }), options);

const floats = (values: number[], shape: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

/** The extremes of a dtype, or any strings. */
function samples(dtype: Dtype, count: number): TensorData {
  if (dtype === 'string') return Array.from({ length: count }, (_, index) => `é${'日本'.repeat(index)}`);
  const TypedArray = typedArrayOf(dtype);
  const bytes = new Uint8Array(count * TypedArray.BYTES_PER_ELEMENT);
  if (dtype === 'bool') return bytes.map((_, index) => index % 2);
  return new TypedArray(bytes.map((_, index) => [0x00, 0x7f, 0x80, 0xff, 0x3c][index % 5] as number).buffer);
}

describe.each(dtypes)('%s', (dtype) => {
  it.each([[[]], [[3]], [[2, 3]], [[0]], [[2, 0, 3]]])(
    'goes in and out unchanged with shape %j',
    async (shape: number[]) => {
      const model = await load(
        identityOnnx(
          dtype,
          shape.map((_, axis) => `d${axis}`),
        ),
      );
      const x: Tensor = { dtype, shape, data: samples(dtype, elementCount(shape)) };
      expect(model.inputs).toEqual([{ name: 'x', dtype, shape: shape.map(() => -1) }]);
      const { y } = await model.predict({ x });
      expect(y).toEqual(x);
      expect(y?.data.constructor).toBe(x.data.constructor);
      await model.dispose();
    },
  );
});

it('reads a view that does not begin at its buffer', async () => {
  const model = await load(identityOnnx('float32', ['n']));
  const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  expect((await model.predict({ x: { dtype: 'float32', shape: [2], data } })).y?.data).toEqual(Float32Array.of(2, 3));
});

it('keeps an input with a default out of the declared inputs', async () => {
  const model = await load(defaultedOnnx());
  expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
  expect((await model.predict({ x: floats([1, 2], [2]) })).y?.data).toEqual(Float32Array.of(11, 12));
});

it('leaves out outputs that are no tensors', async () => {
  const model = await load(sequenceBesideTensorOnnx());
  expect(model.outputs.map(({ name }) => name)).toEqual(['y']);
  expect(Object.keys(await model.predict({ x: floats([1, 2], [2]) }))).toEqual(['y']);
});

describe('failures', () => {
  it.each<[string, Record<string, Tensor>, string, RegExp]>([
    [
      'a wrong size',
      { a: floats([1, 2, 3], [1, 3]), b: floats([1, 2], [1, 2]) },
      'INPUT_SHAPE',
      /features\.a: expected shape \[any, 2\], came 3 where dimension 1 is 2/,
    ],
    ['a wrong rank', { a: floats([1, 2], [2]), b: floats([1, 2], [1, 2]) }, 'INPUT_SHAPE', /came 1 dimensions for 2/],
    [
      'batches that differ',
      { a: floats([1, 2, 3, 4], [2, 2]), b: floats([1, 2, 3, 4, 5, 6], [3, 2]) },
      'INPUT_SHAPE',
      /at its Add node/,
    ],
    [
      'a wrong dtype',
      { a: { dtype: 'int32', shape: [1, 2], data: Int32Array.of(1, 2) }, b: floats([1, 2], [1, 2]) },
      'INPUT_DTYPE',
      /came int32/,
    ],
    ['a missing input', { a: floats([1, 2], [1, 2]) }, 'INPUT_NAME', /features\.b/],
  ])('%s names the input', async (_name, inputs, code, message) => {
    const model = await load(addOnnx());
    await expect(model.predict(inputs)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(model.predict(inputs)).rejects.not.toMatchObject({
      message: expect.stringMatching(/\/onnxruntime_src|\.h:/),
    });
  });

  const expand = () =>
    tinyOnnx({
      inputs: [{ name: 'size', dtype: 'int64', shape: [2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['a', 'b'] }],
      initializers: [{ name: 'one', shape: [1], dtype: 'float32', values: [1] }],
      nodes: [{ op: 'Expand', inputs: ['one', 'size'], outputs: ['y'] }],
    });

  it.each([21n, 40n])('2^(2 × %i) numbers are MODEL_RESOURCE, and the next run works', async (exponent) => {
    const model = await load(expand());
    const run = (data: bigint[]) =>
      model.predict({ size: { dtype: 'int64', shape: [2], data: BigInt64Array.from(data) } });
    await expect(run([2n ** exponent, 2n ** exponent])).rejects.toMatchObject({
      code: 'MODEL_RESOURCE',
      message: expect.stringContaining('more memory than'),
    });
    expect((await run([2n, 1n])).y).toEqual(floats([1, 1], [2, 1]));
  });

  it('a string that the binding would cut is refused', async () => {
    const model = await load(identityOnnx('string', ['n']));
    const x: Tensor = { dtype: 'string', shape: [2], data: ['a', 'b\0c'] };
    await expect(model.predict({ x })).rejects.toMatchObject({ code: 'INPUT_DTYPE' });
  });

  it('an index out of bounds is the caller’s', async () => {
    const gather = tinyOnnx({
      inputs: [{ name: 'id', dtype: 'int64', shape: ['n'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['n'] }],
      initializers: [{ name: 'table', shape: [3], dtype: 'float32', values: [1, 2, 3] }],
      nodes: [{ op: 'Gather', inputs: ['table', 'id'], outputs: ['y'] }],
    });
    const model = await load(gather);
    const id: Tensor = { dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) };
    await expect(model.predict({ id })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it.each(['cuda', 'nonsense'])('device %s is unavailable here', async (device) => {
    await expect(load(addOnnx(), { device })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining(`"${device}"`),
    });
  });

  it('a load failure says why, without a path of this machine', async () => {
    const unknown = tinyOnnx({
      inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
      nodes: [{ op: 'Nonsense', inputs: ['x'], outputs: ['y'] }],
    });
    await expect(load(unknown)).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      message: expect.stringContaining('no operator Nonsense'),
    });
    const broken = load('no protobuf at all');
    await expect(broken).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      message: expect.not.stringMatching(/\/tmp|\.onnx/),
    });
  });
});

it('says what it runs on', async () => {
  expect(await backend.availability()).toMatchObject({
    available: true,
    runtime: 'native',
    version: '1.30.0',
    devices: ['cpu'],
  });
});
