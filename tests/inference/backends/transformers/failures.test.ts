import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { askFailure, loadFailure } from '../../../../src/inference/backends/transformers/failures.ts';

const nested = '/srv/store/abc/files/onnx/decoder_model.onnx';
const flat = '/srv/abc/tokenizer.json';

describe('what loading throws', () => {
  // Messages as Transformers.js 4.3 and ONNX Runtime 1.30 write them.
  it.each<[string, unknown, string, string]>([
    ['a device', new Error('Unsupported device: "abacus". Should be one of: cpu.'), 'DEVICE_UNAVAILABLE', '"abacus"'],
    [
      'a file of a folder',
      new Error(`\`local_files_only=true\` and file was not found locally at "${nested}".`),
      'MODEL_MANIFEST',
      'Expected onnx/decoder_model.onnx in',
    ],
    [
      'a file at the top',
      new Error(`\`local_files_only=true\` and file was not found locally at "${flat}".`),
      'MODEL_MANIFEST',
      'Expected tokenizer.json in',
    ],
    ['a model type', new Error('Unsupported model type: strange-7b'), 'MODEL_MANIFEST', '"strange-7b"'],
    ['broken JSON', new SyntaxError(`Unexpected token < in ${flat}`), 'MODEL_MANIFEST', 'settings or tokenizer'],
    ['a missing setting', new TypeError("reading 'vocab'"), 'MODEL_MANIFEST', 'settings or tokenizer'],
    ['a senseless size', new RangeError('Invalid string length'), 'MODEL_MANIFEST', 'settings or tokenizer'],
    ['memory', new Error('std::bad_alloc'), 'MODEL_RESOURCE', 'memory'],
    ['a broken graph', new Error(`Load model from ${nested} failed:Protobuf parsing failed.`), 'MODEL_LOAD_FAILED', ''],
    ['what is no error', `a word about ${flat}`, 'MODEL_LOAD_FAILED', ''],
  ])('%s', (_name, cause, code, words) => {
    const failure = loadFailure(cause, 'abacus');
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words), cause });
    expect(failure.message).not.toContain('/srv');
  });

  it('keeps what is said already', () => {
    const said = new AppError('MODEL_DTYPE', 'no');
    expect(loadFailure(said, 'cpu')).toBe(said);
    expect(askFailure(said)).toBe(said);
  });
});

describe('what a pipeline throws', () => {
  it('a text without a mask is the caller’s, and told which mask', () => {
    const cause = new Error('Mask token (<mask>) not found in text.');
    const failure = askFailure(cause);
    expect(failure).toMatchObject({
      code: 'INVALID_INPUT',
      cause,
      message: expect.stringMatching(/^features: .*"<mask>"/),
    });
    expect(failure.violations).toEqual([{ path: 'features', message: expect.stringContaining('"<mask>"') }]);
  });

  it.each([
    'Failed to allocate memory for requested buffer',
    'std::bad_alloc',
    'bad allocation',
    'Invalid array length',
  ])('%s is a matter of size', (text) => {
    expect(askFailure(new RangeError(text))).toMatchObject({
      code: 'MODEL_RESOURCE',
      message: expect.stringContaining('send smaller ones'),
    });
  });

  it('anything else is the model’s, and its words stay here', () => {
    for (const cause of [new TypeError(`no ${flat}`), `no ${flat}`]) {
      const failure = askFailure(cause);
      expect(failure).toMatchObject({ code: 'BACKEND_FAILED', cause });
      expect(failure.message).toMatch(/^Expected Transformers\.js to run/);
    }
  });
});
