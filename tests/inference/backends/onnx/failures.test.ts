import { describe, expect, it } from 'vitest';
import { loadFailure, runFailure } from '../../../../src/inference/backends/onnx/failures.ts';
import { OnnxBackend } from '../../../../src/inference/backends/onnx.ts';
import type { TensorSpec } from '../../../../src/lib/tensor.ts';
import { refusal } from '../../../support/codes.ts';
import { identityOnnx } from '../../../support/tiny-onnx.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

const free: readonly TensorSpec[] = [
  { name: 'ids', dtype: 'int64', shape: [-1, 8] },
  { name: 'scale', dtype: 'float32', shape: [] },
];
const fixed: readonly TensorSpec[] = [{ name: 'x', dtype: 'float32', shape: [1, 2] }];
const node = "Non-zero status code returned while running Gather node. Name:'/emb/Gather' Status Message: ";

// Messages as ONNX Runtime 1.30 writes them.
describe('what loading throws', () => {
  it.each<[string, string, string]>([
    ['no available backend found. ERR: [abacus]', 'DEVICE_UNAVAILABLE', 'the device "abacus"'],
    ['OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load', 'DEVICE_UNAVAILABLE', 'the device "abacus"'],
    ['Failed to get a WebGPU adapter', 'DEVICE_UNAVAILABLE', 'the device "abacus"'],
    ['std::bad_alloc', 'MODEL_RESOURCE', 'to load'],
    ['Failed to allocate memory for requested buffer of size 40000000000', 'MODEL_RESOURCE', 'to load'],
    ['Unsupported data type: 17', 'MODEL_DTYPE', 'ONNX element type 17'],
    [
      'Fatal error: No Op registered for Foo with domain_version of 21',
      'MODEL_LOAD_FAILED',
      'no operator Foo in opset 21',
    ],
    ['Load model from /srv/a.onnx failed:Protobuf parsing failed.', 'MODEL_LOAD_FAILED', 'no complete ONNX protobuf'],
    ["Load model from /srv/a.onnx failed. File doesn't exist", 'MODEL_LOAD_FAILED', 'missing from the package'],
    ['open /srv/a.onnx_data: No such file or directory', 'MODEL_LOAD_FAILED', 'missing from the package'],
    ['ShapeInferenceError in /srv/a.onnx', 'MODEL_LOAD_FAILED', 'but it was refused'],
  ])('%s', (text, code, words) => {
    const cause = new Error(text);
    const failure = loadFailure(cause, 'abacus');
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words), cause });
    expect(failure.message).not.toContain('/srv');
    // What is no error is read as well.
    expect(loadFailure(text, 'abacus').code).toBe(code);
  });
});

describe('what a run throws', () => {
  it.each<[string, string, string]>([
    ['std::bad_alloc', 'MODEL_RESOURCE', 'for these inputs; send smaller ones'],
    [`${node}Failed to allocate memory`, 'MODEL_RESOURCE', 'these inputs at its Gather node "/emb/Gather"; send'],
    [
      'Got invalid dimensions for input: ids for the following indices\n index: 1 Got: 7 Expected: 8\n',
      'INPUT_SHAPE',
      'features.ids: expected shape [any, 8], came 7 where dimension 1 is 8;',
    ],
    [
      'Got invalid dimensions for input: ids for\n index: 0 Got: 2 Expected: 1\n index: 1 Got: 7 Expected: 8\n',
      'INPUT_SHAPE',
      'came 2 where dimension 0 is 1, 7 where dimension 1 is 8;',
    ],
    [
      'Invalid rank for input: scale Got: 2 Expected: 0 Please fix',
      'INPUT_SHAPE',
      'expected shape [], came 2 dimensions for 0;',
    ],
    ['Invalid rank for input: other', 'INPUT_SHAPE', 'features.other: expected shape [as declared], came another;'],
    [
      'Unexpected input data type. Actual: (tensor(float)) , expected: (tensor(int64))',
      'INPUT_DTYPE',
      'an input tensor of int64, came float;',
    ],
    [
      `${node}indices element out of data bounds, idx=99`,
      'INVALID_INPUT',
      'out of bounds at its Gather node "/emb/Gather";',
    ],
    ["while running Gather node. Name:'' index is out of bounds", 'INVALID_INPUT', 'out of bounds at its Gather node;'],
    ['Attempting to broadcast an axis by a dimension other than 1', 'INPUT_SHAPE', 'they clash; check'],
    ['The input tensor cannot be reshaped to the requested shape', 'INPUT_SHAPE', 'they clash; check'],
    [`${node}kernel broke at /srv/kernel.cc:7`, 'BACKEND_FAILED', 'it failed at its Gather node "/emb/Gather"; check'],
    ['kernel broke at /srv/kernel.cc:7', 'BACKEND_FAILED', 'but it failed; check'],
  ])('%j', (text, code, words) => {
    const cause = new Error(text);
    const failure = runFailure(cause, free);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words), cause });
    expect(failure.message).not.toContain('/srv');
    expect(runFailure(text, free).code).toBe(code);
  });

  it('is not the caller’s where every dimension is fixed, and so was checked before', () => {
    expect(runFailure(new Error('Attempting to broadcast an axis'), fixed).code).toBe('BACKEND_FAILED');
  });
});

it.each([
  [['\0'], 0],
  [['a', 'b\0c'], 1],
])('texts that ONNX Runtime would cut are refused by their place: %j', async (data, place) => {
  const model = await new OnnxBackend().load(await tinyPackage({ 'model.onnx': identityOnnx('string', ['n']) }), {});
  const error = await refusal(() => model.predict({ x: { dtype: 'string', shape: [data.length], data } }));
  expect(error.code).toBe('INPUT_DTYPE');
  expect(error.message).toMatch(new RegExp(`^features\\.x: .*U\\+0000, came one at ${place};`));
  await model.dispose();
});
