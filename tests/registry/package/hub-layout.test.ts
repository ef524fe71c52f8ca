import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wantedFile } from '../../../src/registry/metadata.ts';
import { chooseFiles, hubFile, mainHubFile } from '../../../src/registry/package/hub-layout.ts';

const seq2seq = [
  'onnx/decoder_model_merged.onnx',
  'onnx/decoder_model_merged_quantized.onnx',
  'onnx/encoder_model.onnx',
  'onnx/encoder_model_fp16.onnx',
  'onnx/encoder_model_quantized.onnx',
];

describe('a file name of the hub layout', () => {
  it.each([
    ['onnx/model.onnx', 'model', 'fp32'],
    ['onnx/model_quantized.onnx', 'model', 'q8'],
    ['model_q4f16.onnx', 'model', 'q4f16'],
    ['onnx/decoder_model_merged_fp16.onnx', 'decoder_model_merged', 'fp16'],
    ['onnx/my_own.onnx', 'my_own', 'fp32'],
  ])('%s is %s in %s', (path, part, dtype) => {
    expect(hubFile(path)).toEqual({ path, part, dtype });
  });
});

describe('the main file', () => {
  it.each([
    [
      'the full precision where it is there',
      ['onnx/model_quantized.onnx', 'onnx/model.onnx'],
      undefined,
      'onnx/model.onnx',
    ],
    ['the quantised one where only that is', ['onnx/model_quantized.onnx'], undefined, 'onnx/model_quantized.onnx'],
    [
      'quantised before half precision',
      ['onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'],
      undefined,
      'onnx/model_quantized.onnx',
    ],
    ['the precision of the metadata', ['onnx/model.onnx', 'onnx/model_fp16.onnx'], 'fp16', 'onnx/model_fp16.onnx'],
    [
      'the file of the metadata, by its path',
      ['onnx/model.onnx', 'onnx/model_fp16.onnx'],
      'onnx/model_fp16.onnx',
      'onnx/model_fp16.onnx',
    ],
    [
      'the file of the metadata, by its name',
      ['onnx/model.onnx', 'onnx/model_fp16.onnx'],
      'model_fp16.onnx',
      'onnx/model_fp16.onnx',
    ],
    ['none for a precision that is not there', ['onnx/model.onnx'], 'q4', undefined],
    ['none for a file that is not there', ['onnx/model.onnx'], 'other.onnx', undefined],
    ['none for a name that two files have', ['a/model.onnx', 'b/model.onnx'], 'model.onnx', undefined],
    ['none for an unknown precision', ['onnx/model.onnx'], 'q7', undefined],
    ['the encoder of a model of two parts', seq2seq, undefined, 'onnx/encoder_model.onnx'],
    ['in the wanted precision', seq2seq, 'q8', 'onnx/encoder_model_quantized.onnx'],
    ['none of no files', [], undefined, undefined],
  ])('is %s', (_name, paths, wanted, expected) => {
    expect(mainHubFile(paths, wanted)).toBe(expected);
  });

  it('does not depend on the order of the files', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(seq2seq), (paths) => {
        expect(mainHubFile(paths)).toBe(mainHubFile([...paths].sort()));
      }),
    );
  });
});

it('every part is chosen once, in the wanted precision or the best there is', () => {
  const chosen = (dtype?: 'q8' | 'fp16') => chooseFiles(seq2seq.map(hubFile), dtype).map(({ path }) => path);
  expect(chosen()).toEqual(['onnx/decoder_model_merged.onnx', 'onnx/encoder_model.onnx']);
  expect(chosen('q8')).toEqual(['onnx/decoder_model_merged_quantized.onnx', 'onnx/encoder_model_quantized.onnx']);
  expect(chosen('fp16')).toEqual(['onnx/decoder_model_merged.onnx', 'onnx/encoder_model_fp16.onnx']);
});

it('metadata names a file, or else a precision, and an archive’s own name says nothing', () => {
  const filename = 'minilm.zip';
  expect(wantedFile('transformers', { file_info: { filename }, dtype: 'q8' })).toBe('q8');
  expect(wantedFile('transformers', { file_info: { filename: 'onnx/model_q4.onnx' }, dtype: 'q8' })).toBe(
    'onnx/model_q4.onnx',
  );
  expect(wantedFile('transformers', { dtype: 8 })).toBeUndefined();
  expect(wantedFile('onnx', { file_info: { filename }, dtype: 'q8' })).toBe(filename);
});
