import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { LoadedModel } from '../../src/inference/backend.ts';
import { type BackendName, backendNames, backends } from '../../src/inference/backends/index.ts';
import { elementCount, type Tensor, type TensorMap } from '../../src/lib/tensor.ts';
import { sequenceClassifier } from '../support/tiny-hub.ts';
import { addOnnx, identityOnnx } from '../support/tiny-onnx.ts';
import { tinyPackage } from '../support/tiny-package.ts';
import { addGraph, identityGraph, type TinyFiles } from '../support/tiny-tensorflow.ts';

/** What a backend of tensors needs to take part: its own files for the same little models. */
interface TensorSubject {
  /** `sum = a + b` over float32 `[batch, 2]`. */
  readonly add: () => TinyFiles;
  /** `y = x`. */
  readonly identity: (dtype: 'float32' | 'int32' | 'bool' | 'string', shape: readonly number[]) => TinyFiles;
}

const onnxShape = (shape: readonly number[]) => shape.map((size, axis) => (size === -1 ? `d${axis}` : size));

/** What a backend that reads features itself needs: a model, features with their answer, and features that are wrong. */
interface AskingSubject {
  readonly files: () => TinyFiles;
  readonly features: unknown;
  readonly answer: unknown;
  readonly wrong: unknown;
}

const tensorSubjects: Partial<Record<BackendName, TensorSubject>> = {
  onnx: {
    add: () => ({ 'model.onnx': addOnnx() }),
    identity: (dtype, shape) => ({ 'model.onnx': identityOnnx(dtype, onnxShape(shape)) }),
  },
  tensorflow: { add: addGraph, identity: identityGraph },
};

const askingSubjects: Partial<Record<BackendName, AskingSubject>> = {
  transformers: {
    files: () => sequenceClassifier(['POSITIVE', 'NEGATIVE'], { good: [1000, 0], bad: [0, 1000] }),
    features: { texts: ['good', 'bad'] },
    answer: [
      { label: 'POSITIVE', score: 1 },
      { label: 'NEGATIVE', score: 1 },
    ],
    wrong: { texts: 'good' },
  },
};

// Those that only wait for a server have theirs in `inline-backend.test.ts`.
const inRunner = backendNames.filter((name) => backends[name]().placement === 'runner');

it('every backend takes part', () => {
  const subjects = [...Object.keys(tensorSubjects), ...Object.keys(askingSubjects)];
  expect(subjects.sort()).toEqual([...inRunner].sort());
});

const floats = (values: readonly number[], shape: readonly number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

const entriesOf = <S>(subjects: Partial<Record<BackendName, S>>) => Object.entries(subjects) as [BackendName, S][];

describe.each(inRunner)('%s', (name) => {
  const backend = backends[name]();
  const files = tensorSubjects[name]?.add ?? askingSubjects[name]?.files;
  // A package of many files may also be refused for a description that makes no sense.
  const codes = ['MODEL_LOAD_FAILED', ...(askingSubjects[name] ? ['MODEL_MANIFEST'] : [])];

  it('is available, and says on what it runs', async () => {
    const availability = await backend.availability();
    expect(availability).toMatchObject({ available: true, devices: expect.arrayContaining(['cpu']) });
    expect(availability.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  describe('refuses to load', () => {
    const model = files?.() ?? {};
    const cut = Object.fromEntries(
      Object.entries(model).map(([file, content]) => [file, content.slice(0, content.length / 2)]),
    );
    const fill = (content: string): TinyFiles => Object.fromEntries(Object.keys(model).map((file) => [file, content]));

    it.each<[string, TinyFiles]>([
      ['files cut in half', cut],
      ['empty files', fill('')],
      ['text of another kind', fill('<html>not a model</html>')],
      ['JSON of another kind', fill('{"a":1}')],
    ])('%s', async (_name, broken) => {
      await expectLoadFailure(backend.load(await tinyPackage(broken), {}), codes);
    });

    it('a package without its entry, named without its folder', async () => {
      const whole = await tinyPackage(model);
      await expectLoadFailure(backend.load({ ...whole, entry: 'gone.bin' }, {}), codes.slice(0, 1), 'gone.bin');
    });

    it('a device that is not there', async () => {
      const loading = tinyPackage(model).then((whole) => backend.load(whole, { device: 'abacus' }));
      await expect(loading).rejects.toMatchObject({
        code: 'DEVICE_UNAVAILABLE',
        message: expect.stringContaining('abacus'),
      });
    });
  });
});

describe.each(entriesOf(askingSubjects))('%s', (name, { files, features, answer, wrong }) => {
  const load = async () => backends[name]().load(await tinyPackage(files()), {});
  const asking = { signal: new AbortController().signal };

  it('reads features itself, and refuses tensors', async () => {
    const model = await load();
    expect((await model.ask?.(features, asking))?.value).toEqual(answer);
    await expect(model.predict({})).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await model.dispose();
  });

  it('answers questions that overlap, and works after one that was wrong', async () => {
    const model = await load();
    await expect(model.ask?.(wrong, asking)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => model.ask?.(features, asking)));
    expect(answers.map((one) => one?.value)).toEqual(answers.map(() => answer));
    await model.dispose();
  });

  it('does not begin for somebody who has left', async () => {
    const model = await load();
    const left = AbortSignal.abort(new Error('left'));
    await expect(model.ask?.(features, { signal: left })).rejects.toThrow('left');
    await model.dispose();
  });

  it('finishes what runs when it is disposed, disposes twice, and refuses what comes after', async () => {
    const [model, other] = [await load(), await load()];
    const running = model.ask?.(features, asking);
    await Promise.all([model.dispose(), model.dispose()]);
    expect((await running)?.value).toEqual(answer);
    await model.dispose();
    await expect(model.ask?.(features, asking)).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
    expect((await other.ask?.(features, asking))?.value).toEqual(answer);
    await other.dispose();
  });
});

describe.each(entriesOf(tensorSubjects))('%s', (name, { add, identity }) => {
  const backend = backends[name]();
  const load = async (files: TinyFiles): Promise<LoadedModel> => backend.load(await tinyPackage(files), {});
  const pair = (a: number, b: number): TensorMap => ({ a: floats([a, a], [1, 2]), b: floats([b, b], [1, 2]) });

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
});

async function expectLoadFailure(loading: Promise<unknown>, codes: readonly string[], mentions = ''): Promise<void> {
  const error = await loading.then(
    () => expect.fail('the package loaded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppError);
  const { code, message } = error as AppError;
  expect(codes).toContain(code);
  expect(message).toContain(mentions);
  expect(message).not.toMatch(/\/tmp|tiny-model-/);
}
