import { describe, expect, it } from 'vitest';
import { TensorflowBackend } from '../../../../src/inference/backends/tensorflow.ts';
import type { Tensor } from '../../../../src/lib/tensor.ts';
import { refusal } from '../../../support/codes.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';
import {
  addGraph,
  placeholder,
  signedGraph,
  type TinyFiles,
  tinyGraph,
  typed,
} from '../../../support/tiny-tensorflow.ts';

const load = async (files: TinyFiles) => new TensorflowBackend().load(await tinyPackage(files), {});
const floats = (values: readonly number[], shape: readonly number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
/** A graph with its `model.json` changed. */
const changed = (files: TinyFiles, change: (json: Record<string, unknown>) => object): TinyFiles => ({
  ...files,
  'model.json': JSON.stringify(change(JSON.parse(files['model.json'] as string))),
});
const dims = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size: String(size) })) });

describe('the names of a graph', () => {
  it('are those of its signature, also where that stands beside other metadata', async () => {
    const files = changed(signedGraph(), ({ signature, ...json }) => ({ ...json, userDefinedMetadata: { signature } }));
    const model = await load(files);
    expect(model.inputs).toEqual([{ name: 'features', dtype: 'float32', shape: [-1, 2] }]);
    expect(await model.predict({ features: floats([0, 1], [1, 2]) })).toEqual({ scores: floats([3, 4], [1, 2]) });
    await model.dispose();
  });

  it('are those that the loader follows where there are two', async () => {
    const files = changed(signedGraph(), ({ signature, ...json }) => ({
      ...json,
      signature: { inputs: { other: { name: 'serving_x:0' } }, outputs: { another: { name: 'Identity:0' } } },
      userDefinedMetadata: { signature },
    }));
    const model = await load(files);
    expect(await model.predict({ features: floats([0, 1], [1, 2]) })).toEqual({ scores: floats([3, 4], [1, 2]) });
    await model.dispose();
  });

  it('are those of its nodes where the signature is empty', async () => {
    const files = changed(addGraph(), (json) => ({ ...json, signature: { inputs: {}, outputs: {} } }));
    const model = await load(files);
    expect(model.inputs.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(model.outputs.map(({ name }) => name)).toEqual(['sum']);
    await model.dispose();
  });
});

describe('the shapes of a graph', () => {
  const bare = (signature: object) =>
    tinyGraph(
      [
        { name: 'x', op: 'Placeholder', attr: typed({ dtype: 'float32' }) },
        { name: 'y', op: 'Identity', input: ['x'], attr: typed({ T: 'float32' }) },
      ],
      [],
      signature,
    );
  const signature = (x: object) => ({
    inputs: { x: { name: 'x:0', dtype: 'DT_FLOAT', ...x } },
    outputs: { y: { name: 'y:0', dtype: 'DT_FLOAT' } },
  });

  it('come from the signature where its nodes tell none, and of outputs from a first run', async () => {
    const model = await load(bare(signature({ tensorShape: dims(-1, 3) })));
    expect(model.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1, 3] }]);
    expect(model.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: [-1, 3] }]);
    expect(await model.predict({ x: floats([1, 2, 3], [1, 3]) })).toEqual({ y: floats([1, 2, 3], [1, 3]) });
    await model.dispose();
  });

  it.each([{}, { tensorShape: { unknownRank: true } }])('are open where nobody tells them: %j', async (entry) => {
    const model = await load(bare(signature(entry)));
    expect(model.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1] }]);
    await model.dispose();
  });
});

it('an input with a value of its own may be left out', async () => {
  const files = tinyGraph(
    [
      placeholder('x', 'float32', [-1]),
      {
        name: 'scale',
        op: 'PlaceholderWithDefault',
        input: ['usual'],
        attr: { ...typed({ dtype: 'float32' }), shape: { shape: dims() } },
      },
      { name: 'y', op: 'Mul', input: ['x', 'scale'], attr: typed({ T: 'float32' }) },
    ],
    [{ name: 'usual', shape: [], values: [3] }],
  );
  const model = await load(files);
  expect(model.inputs.find(({ name }) => name === 'x')?.optional).toBeUndefined();
  expect(model.inputs.find(({ name }) => name === 'scale')?.optional).toBe(true);
  expect(await model.predict({ x: floats([1, 2], [2]) })).toEqual({ y: floats([3, 6], [2]) });
  await model.dispose();
});

describe('model.json', () => {
  it.each<[string, string, string]>([
    ['that is no JSON', '{"modelTopology":', 'Expected JSON in model.json'],
    ['that is null', 'null', 'Expected "modelTopology" in model.json'],
    ['without a topology', '{"format":"graph-model"}', 'Expected "modelTopology" in model.json'],
    ['with null for one', '{"modelTopology":null}', 'Expected "modelTopology" in model.json'],
  ])('%s is refused', async (_name, json, words) => {
    const error = await refusal(() => load({ 'model.json': json }));
    expect([error.code, error.message]).toEqual(['MODEL_LOAD_FAILED', expect.stringContaining(words)]);
  });
});
