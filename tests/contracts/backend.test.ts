import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { LoadedModel } from '../../src/inference/backend.ts';
import { type BackendName, backendNames, backends } from '../../src/inference/backends/index.ts';
import { elementCount, type Tensor, type TensorMap } from '../../src/lib/tensor.ts';
import { addOnnx, identityOnnx } from '../support/tiny-onnx.ts';
import { tinyPackage } from '../support/tiny-package.ts';
import { addGraph, identityGraph, type TinyFiles } from '../support/tiny-tensorflow.ts';

/** What a backend needs to take part: its own files for the same little models. */
interface Subject {
  /** `sum = a + b` over float32 `[batch, 2]`. */
  readonly add: () => TinyFiles;
  /** `y = x`. */
  readonly identity: (dtype: 'float32' | 'int32' | 'bool' | 'string', shape: readonly number[]) => TinyFiles;
}

const onnxShape = (shape: readonly number[]) => shape.map((size, axis) => (size === -1 ? `d${axis}` : size));

const subjects: Record<BackendName, Subject> = {
  onnx: {
    add: () => ({ 'model.onnx': addOnnx() }),
    identity: (dtype, shape) => ({ 'model.onnx': identityOnnx(dtype, onnxShape(shape)) }),
  },
  tensorflow: { add: addGraph, identity: identityGraph },
};

const floats = (values: readonly number[], shape: readonly number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

describe.each(backendNames)('%s', (name) => {
  const backend = backends[name]();
  const { add, identity } = subjects[name];
  const load = async (files: TinyFiles): Promise<LoadedModel> => backend.load(await tinyPackage(files), {});
  const pair = (a: number, b: number): TensorMap => ({ a: floats([a, a], [1, 2]), b: floats([b, b], [1, 2]) });

  it('is available, and says on what it runs', async () => {
    const availability = await backend.availability();
    expect(availability).toMatchObject({ available: true, devices: expect.arrayContaining(['cpu']) });
    expect(availability.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('declares inputs and outputs with dtypes, and -1 for a free dimension', async () => {
    const model = await load(add());
    const shape = [-1, 2];
    expect(model.inputs).toEqual(['a', 'b'].map((input) => ({ name: input, dtype: 'float32', shape })));
    expect(model.outputs).toEqual([{ name: 'sum', dtype: 'float32', shape }]);
    expect(model.memoryBytes).toBeGreaterThanOrEqual(0);
    await model.dispose();
  });

  it.each<[Tensor['dtype'], number[], Tensor['data']]>([
    ['float32', [2, 2], Float32Array.of(1.5, -0.25, Number.NaN, 3e38)],
    ['float32', [], Float32Array.of(7)],
    ['float32', [0, 2], new Float32Array()],
    ['int32', [3], Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)],
    ['bool', [2, 1], Uint8Array.of(1, 0)],
    ['string', [2], ['', 'naïve 日本']],
  ])('gives %s %j back with dtype and shape', async (dtype, shape, data) => {
    const model = await load(
      identity(
        dtype as 'float32',
        shape.map(() => -1),
      ),
    );
    const x: Tensor = { dtype, shape, data };
    const { y } = await model.predict({ x });
    expect(y).toEqual(x);
    expect(y?.data.length).toBe(elementCount(shape));
    await model.dispose();
  });

  it('answers predictions that overlap, each with its own result', async () => {
    const model = await load(add());
    const sums = await Promise.all(Array.from({ length: 50 }, (_, index) => model.predict(pair(index, 1000))));
    expect(sums.map(({ sum }) => sum?.data[0])).toEqual(Array.from({ length: 50 }, (_, index) => index + 1000));
    await model.dispose();
  });

  it('leaves the inputs as they were, and gives each result memory of its own', async () => {
    const model = await load(identity('float32', [-1]));
    const x = floats([1, 2, 3], [3]);
    const [first, second] = [await model.predict({ x }), await model.predict({ x })];
    const mine = first.y?.data as Float32Array | undefined;
    mine?.fill(9);
    expect(x.data).toEqual(Float32Array.of(1, 2, 3));
    expect(second.y?.data).toEqual(Float32Array.of(1, 2, 3));
    await model.dispose();
  });

  it('finishes what runs when it is disposed, disposes twice, and refuses what comes after', async () => {
    const model = await load(add());
    const running = [model.predict(pair(1, 2)), model.predict(pair(3, 4))];
    await Promise.all([model.dispose(), model.dispose()]);
    expect((await Promise.all(running)).map(({ sum }) => sum?.data[0])).toEqual([3, 7]);
    await model.dispose();
    await expect(model.predict(pair(1, 2))).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  });

  it('keeps one model when another of the same bytes is disposed', async () => {
    const [first, second] = [await load(add()), await load(add())];
    await first.dispose();
    expect((await second.predict(pair(1, 2))).sum).toEqual(floats([3, 3], [1, 2]));
    await second.dispose();
  });

  it('works after a prediction that failed', async () => {
    const model = await load(add());
    const clash = { a: floats([1, 2, 3, 4], [2, 2]), b: floats([1, 2, 3, 4, 5, 6], [3, 2]) };
    await expect(model.predict(clash)).rejects.toMatchObject({ code: 'INPUT_SHAPE' });
    expect((await model.predict(pair(1, 2))).sum).toEqual(floats([3, 3], [1, 2]));
    await model.dispose();
  });

  describe('refuses to load', () => {
    const cut = (files: TinyFiles): TinyFiles =>
      Object.fromEntries(Object.entries(files).map(([file, content]) => [file, content.slice(0, content.length / 2)]));
    const fill = (files: TinyFiles, content: string): TinyFiles =>
      Object.fromEntries(Object.keys(files).map((file) => [file, content]));

    it.each<[string, () => TinyFiles]>([
      ['a file cut in half', () => cut(add())],
      ['an empty file', () => fill(add(), '')],
      ['text of another kind', () => fill(add(), '<html>not a model</html>')],
      ['JSON of another kind', () => fill(add(), '{"a":1}')],
    ])('%s', async (_name, files) => {
      await expectLoadFailure(load(files()));
    });

    it('a package without its entry, named without its folder', async () => {
      const files = await tinyPackage(add());
      await expectLoadFailure(backend.load({ ...files, entry: 'gone.bin' }, {}), 'gone.bin');
    });

    it('a device that is not there', async () => {
      const loading = tinyPackage(add()).then((files) => backend.load(files, { device: 'abacus' }));
      await expect(loading).rejects.toMatchObject({
        code: 'DEVICE_UNAVAILABLE',
        message: expect.stringContaining('abacus'),
      });
    });
  });
});

async function expectLoadFailure(loading: Promise<unknown>, mentions = ''): Promise<void> {
  const error = await loading.then(
    () => expect.fail('the package loaded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppError);
  const { code, message } = error as AppError;
  expect(code).toBe('MODEL_LOAD_FAILED');
  expect(message).toContain(mentions);
  expect(message).not.toMatch(/\/tmp|tiny-model-/);
}
