import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectPackage } from '../../../src/registry/gate/inspect-package.ts';
import { defaultLimits, type GateLimits } from '../../../src/registry/gate/report.ts';
import { unpackModel } from '../../../src/registry/package/unpack-model.ts';
import { node, onnxModel, tensorParts, value } from '../../support/onnx-writer.ts';
import { sequenceClassifier } from '../../support/tiny-hub.ts';
import type { TinyFiles } from '../../support/tiny-tensorflow.ts';
import { zip } from '../package/zip.ts';
import { refusalOf, withFolder } from './gate.ts';

const good = sequenceClassifier(['A', 'B'], { good: [1, 0] });

const inspect = (files: TinyFiles, limits: Partial<GateLimits> = {}) =>
  withFolder(async (directory) => {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), content);
    }
    return inspectPackage({ directory, entry: 'onnx/model.onnx', framework: 'transformers', limits });
  });

/** Reads its weights from another file. */
const elsewhere = onnxModel({
  inputs: [value('x', 'float32', [1])],
  outputs: [value('y', 'float32', [1])],
  nodes: [node('Add', ['x', 'w'], ['y'])],
  initializers: [
    tensorParts({ name: 'w', type: 'float32', dims: [1], external: { location: '/etc/passwd' }, location: 1 }),
  ],
});
const relu = onnxModel({
  inputs: [value('x', 'float32', [4])],
  outputs: [value('y', 'float32', [4])],
  nodes: [node('Relu', ['x'], ['y'])],
});

describe('the gate of packages in the layout of the hub', () => {
  it('lets a whole package through and counts all its nodes', async () => {
    expect(await inspect(good)).toEqual({ inputs: [], outputs: [], nodeCount: 2 });
    expect((await inspect({ ...good, 'onnx/model_fp16.onnx': relu })).nodeCount).toBe(3);
  });

  it.each<[string, TinyFiles, string, RegExp]>([
    [
      'external data, also in a file that is not the chosen one',
      { 'onnx/model_q4.onnx': elsewhere },
      'MODEL_EXTERNAL_DATA',
      /^onnx\/model_q4\.onnx: /,
    ],
    [
      'external data in a file in capitals somewhere else',
      { 'more/Model.ONNX': elsewhere },
      'MODEL_EXTERNAL_DATA',
      /^more\/Model\.ONNX: /,
    ],
    [
      'a pickle under an ONNX name',
      { 'onnx/model_q4.onnx': Buffer.from('\x80\x04\x95pickle', 'latin1') },
      'FORMAT_NOT_LOADABLE',
      /^onnx\/model_q4\.onnx: /,
    ],
    ['a damaged ONNX file', { 'onnx/model_q4.onnx': relu.subarray(0, 40) }, 'MODEL_MALFORMED', /^onnx\/model_q4\.onnx/],
    [
      'a description that is cut off',
      { 'config.json': '{"model_type":' },
      'MODEL_MALFORMED',
      /^config\.json: .*config\.json/,
    ],
    ['a description that is a list', { 'config.json': '[]' }, 'MODEL_MANIFEST', /^config\.json: /],
    [
      'a tokenizer that is too deep',
      { 'tokenizer.json': `{"a":${'['.repeat(300)}${']'.repeat(300)}}` },
      'MODEL_TOO_COMPLEX',
      /^tokenizer\.json: .*tokenizer\.json/,
    ],
  ])('refuses %s', async (_name, files, code, message) => {
    expect(await refusalOf(inspect({ ...good, ...files }))).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('refuses a package without a description, and a tokenizer of too many bytes or values', async () => {
    const { 'config.json': _, ...bare } = good;
    expect(await refusalOf(inspect(bare))).toMatchObject({ code: 'MODEL_MANIFEST' });
    expect(await refusalOf(inspect(good, { maxJsonBytes: 1000 }))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
    expect(await refusalOf(inspect(good, { maxJsonValues: 50 }))).toMatchObject({ code: 'MODEL_TOO_COMPLEX' });
    expect(defaultLimits.maxJsonValues).toBeGreaterThan(1_000_000);
  });
});

describe('unpacking for Transformers.js', () => {
  const unpack = (bytes: Buffer, filename?: string) =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'stored'), bytes);
      const from = { file: join(folder, 'stored'), directory: join(folder, 'files'), framework: 'transformers' };
      return (await unpackModel({ ...from, ...(filename !== undefined && { filename }) })).entry;
    });
  const packed = (names: readonly string[], data = relu) => zip(names.map((name) => ({ name, data })));
  const hub = ['config.json', 'onnx/model.onnx', 'onnx/model_quantized.onnx'];

  it('finds the model among several, in a top folder too', async () => {
    expect(await unpack(packed(hub))).toBe('onnx/model.onnx');
    expect(await unpack(packed(hub.map((name) => `minilm/${name}`)), 'q8')).toBe('onnx/model_quantized.onnx');
    expect(await unpack(packed(hub), 'model_quantized.onnx')).toBe('onnx/model_quantized.onnx');
    expect(await refusalOf(unpack(packed(hub), 'q4'))).toMatchObject({ code: 'MODEL_FORMAT' });
  });

  it.each([
    ['a bare ONNX file', relu, 'MODEL_FORMAT'],
    ['a bare pickle', Buffer.from('\x80\x04\x95pickle', 'latin1'), 'FORMAT_NOT_LOADABLE'],
    [
      'a bare PyTorch file, which is a zip',
      zip([{ name: 'archive/data.pkl', data: Buffer.from('\x80\x02}q', 'latin1') }]),
      'FORMAT_NOT_LOADABLE',
    ],
    [
      'pickles only',
      packed(['config.json', 'pytorch_model.bin'], Buffer.from('\x80\x02}q', 'latin1')),
      'FORMAT_NOT_LOADABLE',
    ],
    [
      'safetensors only',
      packed(['config.json', 'model.safetensors'], Buffer.from('\x40\0\0\0\0\0\0\0{"a":1}', 'latin1')),
      'MODEL_FORMAT',
    ],
  ])('refuses %s', async (_name, bytes, code) => {
    expect(await refusalOf(unpack(bytes))).toMatchObject({ code });
  });
});
