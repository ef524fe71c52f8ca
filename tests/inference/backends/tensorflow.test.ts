import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { runFailure } from '../../../src/inference/backends/tensorflow/failures.ts';
import type { TensorflowModel } from '../../../src/inference/backends/tensorflow/loaded-model.ts';
import { TensorflowBackend } from '../../../src/inference/backends/tensorflow.ts';
import type { Tensor } from '../../../src/lib/tensor.ts';
import { tinyPackage } from '../../support/tiny-package.ts';
import {
  addGraph,
  denseLayers,
  identityGraph,
  placeholder,
  replaceGraph,
  signedGraph,
  type TinyFiles,
  tinyGraph,
  whereGraph,
} from '../../support/tiny-tensorflow.ts';

const backend = new TensorflowBackend();
const load = async (files: TinyFiles) => (await backend.load(await tinyPackage(files), {})) as TensorflowModel;

const floats = (values: number[], shape: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

describe('models', () => {
  it('a graph goes by node names without a signature', async () => {
    const model = await load(addGraph());
    expect(model.inputs).toEqual([
      { name: 'a', dtype: 'float32', shape: [-1, 2] },
      { name: 'b', dtype: 'float32', shape: [-1, 2] },
    ]);
    expect(model.outputs).toEqual([{ name: 'sum', dtype: 'float32', shape: [-1, 2] }]);
    expect(await model.predict({ a: floats([1, 2], [1, 2]), b: floats([3, 4], [1, 2]) })).toEqual({
      sum: floats([4, 6], [1, 2]),
    });
  });

  it('a graph goes by its signature’s names', async () => {
    const model = await load(signedGraph());
    expect(model.inputs).toEqual([{ name: 'features', dtype: 'float32', shape: [-1, 2] }]);
    expect(model.outputs).toEqual([{ name: 'scores', dtype: 'float32', shape: [-1, 2] }]);
    // [1 1; 0 2] × [1 2; 3 4]
    const features = floats([1, 1, 0, 2], [2, 2]);
    expect(await model.predict({ features })).toEqual({ scores: floats([4, 6, 6, 8], [2, 2]) });
  });

  it('a layers model takes a batch, and is named by its layers', async () => {
    const model = await load(denseLayers());
    expect(model.inputs).toEqual([{ name: 'dense_input', dtype: 'float32', shape: [-1, 2] }]);
    expect(model.outputs).toEqual([{ name: 'dense', dtype: 'float32', shape: [-1, 2] }]);
    const input = floats([1, 1, 0, 2], [2, 2]);
    expect(await model.predict({ dense_input: input })).toEqual({ dense: floats([14, 26, 16, 28], [2, 2]) });
  });

  it('a batch without rows is answered where kernels take it, else it is the caller’s mistake', async () => {
    const model = await load(signedGraph());
    expect(await model.predict({ features: floats([], [0, 2]) })).toEqual({ scores: floats([], [0, 2]) });
    const convolution = new Error('Invalid typed offset');
    expect(runFailure(convolution, model.inputs, true).code).toBe('INPUT_SHAPE');
    expect(runFailure(convolution, model.inputs).code).toBe('BACKEND_FAILED');
  });

  it('a graph whose shapes depend on values runs asynchronously', async () => {
    const model = await load(whereGraph());
    const x: Tensor = { dtype: 'bool', shape: [4], data: Uint8Array.of(1, 0, 0, 1) };
    expect(await model.predict({ x })).toEqual({ y: { dtype: 'int32', shape: [2, 1], data: Int32Array.of(0, 3) } });
  });

  it('an operation that WebAssembly lacks moves that model alone to plain JavaScript', async () => {
    const [replace, sum] = [await load(replaceGraph()), await load(addGraph())];
    expect(replace.runtime).toBe('cpu');
    const x: Tensor = { dtype: 'string', shape: [2], data: ['banana', 'Hund'] };
    const y: Tensor = { dtype: 'string', shape: [2], data: ['bonono', 'Hund'] };
    expect(await replace.predict({ x })).toEqual({ y });
    await sum.predict({ a: floats([1, 2], [1, 2]), b: floats([3, 4], [1, 2]) });
    expect(sum.runtime).toBe((await backend.availability()).runtime);
    expect(await replace.predict({ x })).toEqual({ y });
  });
});

describe('dtypes', () => {
  it.each<[string, Tensor]>([
    ['float32', floats([1.5, Number.NaN, Number.NEGATIVE_INFINITY], [3])],
    ['int32', { dtype: 'int32', shape: [3], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 16777217) }],
    ['bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ['string', { dtype: 'string', shape: [3], data: ['', 'é', '日本\u0000x'] }],
    ['empty float32', floats([], [0])],
  ])('%s goes in and out unchanged', async (_name, x) => {
    const model = await load(identityGraph(x.dtype as 'float32', [-1]));
    const { y } = await model.predict({ x });
    expect(y).toEqual(x);
    expect(y?.data.constructor).toBe(x.data.constructor);
  });

  it('a scalar stays one', async () => {
    const model = await load(identityGraph('float32', []));
    expect(await model.predict({ x: floats([7], []) })).toEqual({ y: floats([7], []) });
  });

  it('64-bit integers are held as 32, and beyond them refused', async () => {
    const model = await load(identityGraph('int64', [-1]));
    expect(model.inputs[0]?.dtype).toBe('int32');
    const run = (...values: bigint[]) =>
      model.predict({ x: { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values) } });
    expect((await run(-3n, 2n ** 31n - 1n)).y).toEqual({
      dtype: 'int32',
      shape: [2],
      data: Int32Array.of(-3, 2 ** 31 - 1),
    });
    await expect(run(1n, 2n ** 31n)).rejects.toMatchObject({
      code: 'INPUT_DTYPE',
      message: expect.stringContaining('2147483648 at 1'),
    });
  });
});

describe('failures', () => {
  it.each<[string, Record<string, Tensor>, string]>([
    ['a missing input', { a: floats([1, 2], [1, 2]) }, 'INPUT_NAME'],
    [
      'a wrong dtype',
      { a: floats([1, 2], [1, 2]), b: { dtype: 'int32', shape: [1, 2], data: Int32Array.of(1, 2) } },
      'INPUT_DTYPE',
    ],
    ['a wrong size', { a: floats([1, 2, 3], [1, 3]), b: floats([1, 2], [1, 2]) }, 'INPUT_SHAPE'],
    ['batches that differ', { a: floats([1, 2, 3, 4], [2, 2]), b: floats([1, 2, 3, 4, 5, 6], [3, 2]) }, 'INPUT_SHAPE'],
  ])('%s', async (_name, inputs, code) => {
    const model = await load(addGraph());
    await expect(model.predict(inputs)).rejects.toMatchObject({ code });
  });

  it('an unknown operation is named', async () => {
    const files = tinyGraph([placeholder('x', 'float32', [1]), { name: 'y', op: 'Nonsense', input: ['x'] }]);
    await expect(load(files)).rejects.toMatchObject({
      code: 'MODEL_OP_UNSUPPORTED',
      message: expect.stringContaining('Nonsense'),
    });
  });

  it('a missing shard is named, without a path of this machine', async () => {
    const { 'model.json': json = '' } = signedGraph();
    await expect(load({ 'model.json': json })).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      message: expect.stringMatching(/weights\.bin(?!.*\/tmp)/),
    });
  });

  it('a shard outside the package is not read', async () => {
    const { 'model.json': json = '' } = signedGraph();
    const escaping = String(json).replace('weights.bin', '../weights.bin');
    await expect(load({ 'model.json': escaping })).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      message: expect.stringContaining('inside the package'),
    });
  });

  it('short weights are refused', async () => {
    const files = { ...signedGraph(), 'weights.bin': new Uint8Array(8) };
    await expect(load(files)).rejects.toMatchObject({ code: 'MODEL_LOAD_FAILED' });
  });

  it('a device other than the CPU is unavailable', async () => {
    await expect(backend.load(await tinyPackage(addGraph()), { device: 'cuda' })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
    });
  });
});

it('leaves no tensor behind in 1,000 runs, failed ones among them', async () => {
  const models = await Promise.all([load(signedGraph()), load(denseLayers()), load(whereGraph()), load(addGraph())]);
  const [signed, dense, where, sum] = models as [TensorflowModel, TensorflowModel, TensorflowModel, TensorflowModel];
  const before = tf.memory().numTensors;
  const pair = floats([1, 2], [1, 2]);
  for (let round = 0; round < 250; round++) {
    await Promise.all([
      signed.predict({ features: pair }),
      dense.predict({ dense_input: pair }),
      where.predict({ x: { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) } }),
      sum.predict({ a: floats([1, 2, 3, 4], [2, 2]), b: floats([1, 2, 3, 4, 5, 6], [3, 2]) }).catch(() => undefined),
    ]);
  }
  expect(tf.memory().numTensors).toBe(before);
  await Promise.all(models.map((model) => model.dispose()));
  expect(tf.memory().numTensors).toBeLessThan(before);
});

it('says what it runs on', async () => {
  const { available, runtime, version } = await backend.availability();
  expect({ available, version }).toEqual({ available: true, version: '4.22.0' });
  expect(['native', 'wasm']).toContain(runtime);
});
