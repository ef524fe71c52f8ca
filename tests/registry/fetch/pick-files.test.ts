import { describe, expect, it } from 'vitest';
import { isVariant, pickHubFiles, pickVariant } from '../../../src/registry/fetch/pick-files.ts';
import { codeOf } from '../../support/codes.ts';

const files = (...paths: string[]) => paths.map((path) => ({ path }));
const picked = (paths: string[], variant?: string) => pickVariant(files(...paths), variant).map(({ path }) => path);
const ofHub = (paths: string[], variant?: string) => pickHubFiles(files(...paths), variant).map(({ path }) => path);

describe('a variant', () => {
  const model = ['config.json', 'onnx/model.onnx', 'onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'];
  it.each([
    [undefined, 'onnx/model.onnx'],
    ['fp32', 'onnx/model.onnx'],
    ['q8', 'onnx/model_quantized.onnx'],
    ['fp16', 'onnx/model_fp16.onnx'],
    ['onnx/model_fp16.onnx', 'onnx/model_fp16.onnx'],
    ['model_fp16.onnx', 'onnx/model_fp16.onnx'],
  ])('%s is one file beside the settings', (variant, file) => {
    expect(picked(model, variant)).toEqual(['config.json', file]);
  });

  it('is one file for each part, the best there is where a part has no such file', () => {
    const parts = ['onnx/encoder_model.onnx', 'onnx/encoder_model_q4.onnx', 'onnx/decoder_model_merged.onnx'];
    expect(picked(parts)).toEqual(['onnx/encoder_model.onnx', 'onnx/decoder_model_merged.onnx']);
    expect(picked(parts, 'q4')).toEqual(['onnx/encoder_model_q4.onnx', 'onnx/decoder_model_merged.onnx']);
  });

  it('that is not there is refused', () => {
    expect(codeOf(() => picked(model, 'q4'))).toBe('MODEL_FORMAT');
    expect(codeOf(() => picked(model, 'onnx/other.onnx'))).toBe('MODEL_FORMAT');
    expect(codeOf(() => picked(['config.json'], 'q8'))).toBe('MODEL_FORMAT');
  });

  it('has a name that is known, or is a file', () => {
    expect(['fp32', 'q8', 'q4f16', 'onnx/x.onnx'].filter(isVariant)).toHaveLength(4);
    expect(['', 'q3', 'toString', 'x.bin'].filter(isVariant)).toEqual([]);
  });
});

describe('a repository', () => {
  const settings = [
    'config.json',
    'tokenizer.json',
    'vocab.txt',
    'merges.txt',
    '1_Pooling/config.json',
    'spiece.model',
    'chat_template.jinja',
    'LICENSE',
  ];

  it('gives settings and ONNX files, and nothing of other runtimes', () => {
    const foreign = [
      '.gitattributes',
      'README.md',
      'pytorch_model.bin',
      'model.safetensors',
      'tf_model.h5',
      'openvino/config.json',
      'coreml/model.json',
      'train.txt',
      'picture.png',
    ];
    expect(ofHub([...settings, ...foreign, 'onnx/model.onnx', 'onnx/model_q4.onnx'])).toEqual([
      ...settings,
      'onnx/model.onnx',
    ]);
  });

  it('gives a TensorFlow.js model with its shards', () => {
    const own = ['model.json', 'group1-shard1of2.bin', 'group1-shard2of2.bin'];
    expect(ofHub([...own, 'README.md'])).toEqual(own);
  });

  it('without either is refused', () => {
    expect(codeOf(() => ofHub([...settings, 'model.safetensors']))).toBe('MODEL_FORMAT');
    expect(codeOf(() => ofHub(['model.json', 'a.bin'], 'q8'))).toBe('MODEL_FORMAT');
  });
});
