import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { node, onnxModel, value } from '../../support/onnx-writer.ts';
import { bytesField } from '../../support/protobuf-writer.ts';
import { zip } from '../package/zip.ts';
import { inspectFile, refusalOf } from './gate.ts';

const relu = onnxModel({
  inputs: [value('x', 'float32', [4])],
  outputs: [value('y', 'float32', [4])],
  nodes: [node('Relu', ['x'], ['y'])],
});
const layers = JSON.stringify({
  format: 'layers-model',
  modelTopology: {
    class_name: 'Sequential',
    config: { name: 's', layers: [{ class_name: 'ReLU', config: { name: 'r', batch_input_shape: [null, 4] } }] },
  },
  weightsManifest: [],
});
/** What `pickle.dumps({'coef': [1.0]}, protocol)` writes. */
const pickles = {
  0: Buffer.from('(dp0\nVcoef\np1\n(lp2\nF1.0\nas.', 'latin1'),
  2: Buffer.from('80027d710058040000006365666671015d7102473ff000000000000061732e', 'hex'),
  4: Buffer.from('80049513000000000000007d948c04636f6566945d94473ff000000000000061732e', 'hex'),
  5: Buffer.from('80059513000000000000007d948c04636f6566945d94473ff000000000000061732e', 'hex'),
};
const random = Buffer.from(Array.from({ length: 4_000 }, (_, at) => (at * 7919 + (at >> 3) * 104_729) & 0xff));
const html = '<!DOCTYPE html><html><body>Not found</body></html>';
const gguf = Buffer.concat([Buffer.from('GGUF'), Buffer.from([3, 0, 0, 0]), Buffer.alloc(16)]);

describe('decided by content', () => {
  test('what is declared rightly passes', async () => {
    expect(await inspectFile(relu)).toMatchObject({ opset: 21 });
    expect(await inspectFile(layers, 'tensorflow')).toMatchObject({ kind: 'layers-model' });
  });

  for (const framework of ['onnx', 'tensorflow'] as const) {
    test.each<[string, Buffer | string]>([
      ['empty', ''],
      ['zeros', Buffer.alloc(10_000)],
      ['random bytes', random],
      ['HTML', html],
      ['HTML behind white space', `\n\n  ${html}`],
      ['XML', '<?xml version="1.0"?><a/>'],
      ['truncated', framework === 'onnx' ? relu.subarray(0, 40) : layers.slice(0, 100)],
    ])(`M5 %s as ${framework}`, async (_name, bytes) => {
      expect(await refusalOf(inspectFile(bytes, framework))).toMatchObject({ code: 'MODEL_MALFORMED' });
    });

    test.each<[string, Buffer | string]>([
      ['the other framework', framework === 'onnx' ? layers : relu],
      ['any other JSON', framework === 'onnx' ? '[1, 2]' : '{"a": 1}'],
      ['GGUF', gguf],
      ['a zip in the place of the model file', zip([{ name: 'model.onnx', data: relu }])],
      ['a zip with a model behind it', Buffer.concat([zip([]), relu])],
      ['TensorFlow Lite', Buffer.concat([Buffer.from([28, 0, 0, 0]), Buffer.from('TFL3'), Buffer.alloc(40)])],
      ["ONNX Runtime's own format", Buffer.concat([Buffer.from([28, 0, 0, 0]), Buffer.from('ORTM'), Buffer.alloc(40)])],
      ["a protobuf that is ONNX Runtime's own format too", Buffer.concat([bytesField(2, 'xxORTMxx'), relu])],
      ['safetensors', Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a": {}}')])],
      ['a compressed file', gzipSync(relu)],
    ])(`M10 %s as ${framework}`, async (_name, bytes) => {
      expect(await refusalOf(inspectFile(bytes, framework))).toMatchObject({ code: 'MODEL_FORMAT' });
    });

    test.each<[string, Buffer]>([
      ['pickle 0', pickles[0]],
      ['pickle 2 (also PyTorch)', pickles[2]],
      ['pickle 4 (also joblib)', pickles[4]],
      ['pickle 5', pickles[5]],
      ['a text pickle of a global', Buffer.from('cposix\nsystem\n(S"id"\ntR.')],
      ['joblib with zlib', deflateSync(pickles[4], { level: 3 })],
      ['joblib with gzip', gzipSync(pickles[4])],
      ['Keras in HDF5', Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), Buffer.alloc(100)])],
    ])(`M11 %s as ${framework}`, async (_name, bytes) => {
      expect(await refusalOf(inspectFile(bytes, framework))).toMatchObject({ code: 'FORMAT_NOT_LOADABLE' });
    });
  }

  test('M10 an ONNX file with a zip at its end is judged as an ONNX file', async () => {
    expect(await refusalOf(inspectFile(Buffer.concat([relu, zip([{ name: 'a' }])])))).toMatchObject({
      code: 'MODEL_MALFORMED',
    });
  });

  test('M19 a compressed stream is not unpacked far', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
    expect(await refusalOf(inspectFile(bomb))).toMatchObject({ code: 'MODEL_FORMAT' });
  });
});
