import { describe, expect, it } from 'vitest';
import { loadingOptions, openHubPackage } from '../../../../src/inference/backends/transformers/hub-package.ts';
import { refusal } from '../../../support/codes.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';
import type { TinyFiles } from '../../../support/tiny-tensorflow.ts';

const open = async (files: TinyFiles) => openHubPackage(await tinyPackage(files));
const config = JSON.stringify({ model_type: 'bert' });

describe('a package as on the hub', () => {
  it('is opened by its entry: every part beside it in the same precision, and the memory they take', async () => {
    const hub = await open({
      'onnx/encoder_model_quantized.onnx': 'a'.repeat(10),
      'onnx/encoder_model.onnx': 'a'.repeat(1000),
      'onnx/decoder_model_merged_quantized.onnx': 'b'.repeat(7),
      'other/decoder_model.onnx': 'c'.repeat(1000),
      'onnx/notes.txt': 'd',
      'config.json': config,
    });
    expect(hub.subfolder).toBe('onnx');
    expect(hub.files.map(({ path }) => path).sort()).toEqual([
      'onnx/decoder_model_merged_quantized.onnx',
      'onnx/encoder_model_quantized.onnx',
    ]);
    // As read, and as repacked.
    expect(hub.memoryBytes).toBe(2 * 17);
    expect(hub.config).toEqual({ model_type: 'bert' });
    expect([hub.has('onnx/notes.txt'), hub.has('notes.txt'), hub.has('config.json')]).toEqual([true, false, true]);
  });

  it('may have its model at the top', async () => {
    const hub = await open({ 'my.onnx': 'abc', 'config.json': config });
    expect([hub.subfolder, hub.files.length, hub.memoryBytes]).toEqual(['', 1, 6]);
    expect(loadingOptions(hub, {})).toMatchObject({ subfolder: '', model_file_name: 'my' });
  });

  it.each<[string, TinyFiles, string, string]>([
    ['without config.json', { 'model.onnx': 'a' }, 'MODEL_MANIFEST', 'Expected config.json'],
    ['with an empty one', { 'model.onnx': 'a', 'config.json': '{}' }, 'MODEL_MANIFEST', 'Expected config.json'],
  ])('is refused %s', async (_name, files, code, words) => {
    const error = await refusal(() => open(files));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
  });

  it('is refused without its entry, which is named', async () => {
    const files = await tinyPackage({ 'config.json': config });
    const error = await refusal(() => openHubPackage({ ...files, entry: 'onnx/model.onnx' }));
    expect([error.code, error.message]).toEqual(['MODEL_LOAD_FAILED', expect.stringContaining('onnx/model.onnx')]);
    expect(error.message).not.toContain(files.directory);
  });
});

describe('what the library is told', () => {
  const settings = { device: 'webgpu', dtype: 'fp16', use_external_data_format: 3, kv_cache_dtype: 'float16' };
  const files = (own: object): TinyFiles => ({
    'onnx/model_quantized.onnx': 'a',
    'config.json': JSON.stringify({ model_type: 'bert', ...own }),
  });

  it('is all that a config could choose for itself, but what its weights were made with', async () => {
    const hub = await open(files({ 'transformers.js_config': settings }));
    expect(loadingOptions(hub, {})).toEqual({
      config: { model_type: 'bert', 'transformers.js_config': { kv_cache_dtype: 'float16' } },
      local_files_only: true,
      subfolder: 'onnx',
      device: 'cpu',
      dtype: { model: 'q8' },
      use_external_data_format: false,
      model_file_name: 'model',
      session_options: { executionMode: 'sequential', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 },
    });
    expect(loadingOptions(await open(files({})), {}).config).toEqual({
      model_type: 'bert',
      'transformers.js_config': {},
    });
  });

  it('heeds the device and the threads of the deployment', async () => {
    const options = loadingOptions(await open(files({})), { device: 'cuda', threads: 3 });
    expect(options).toMatchObject({ device: 'cuda', session_options: { intraOpNumThreads: 3, interOpNumThreads: 1 } });
  });

  it('leaves the names of several parts to the library', async () => {
    const hub = await open({
      'onnx/encoder_model.onnx': 'a',
      'onnx/decoder_model_merged_q4.onnx': 'b',
      'config.json': config,
    });
    const options = loadingOptions(hub, {});
    expect(options).not.toHaveProperty('model_file_name');
    expect(options.dtype).toEqual({ encoder_model: 'fp32', decoder_model_merged: 'q4' });
  });
});
