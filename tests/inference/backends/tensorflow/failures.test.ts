import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { loadFailure, mayRunElsewhere, runFailure } from '../../../../src/inference/backends/tensorflow/failures.ts';
import type { TensorSpec } from '../../../../src/lib/tensor.ts';

const inputs: readonly TensorSpec[] = [
  { name: 'ids', dtype: 'int32', shape: [-1, 8] },
  { name: 'scale', dtype: 'float32', shape: [] },
];
// As Emscripten, V8 and TensorFlow.js 4.22 say it.
const memory = [
  'Aborted(OOM)',
  'Cannot enlarge memory arrays',
  'Array buffer allocation failed',
  'out of memory',
  'Invalid typed array length: -1',
  'Invalid array length',
  'memory access out of bounds',
];

describe('what loading throws', () => {
  it.each(memory)('%s: the model is too large', (text) => {
    expect(loadFailure(new RangeError(text))).toMatchObject({
      code: 'MODEL_RESOURCE',
      message: expect.stringContaining('to load'),
    });
  });

  it.each([
    ["Unknown op 'Roll'. File an issue", 'Roll'],
    ['Unknown layer: Lambda. This may be due to', 'Lambda'],
    ['Node type FusedMatMul is not implemented', 'FusedMatMul'],
  ])('%s: the operation is named', (text, name) => {
    const cause = new TypeError(text);
    expect(loadFailure(cause)).toMatchObject({
      code: 'MODEL_OP_UNSUPPORTED',
      message: expect.stringContaining(`came ${name};`),
      cause,
    });
  });

  it('anything else is a model that does not fit together, and its words stay here', () => {
    for (const cause of [new Error('/srv/model.json is odd'), '/srv/model.json is odd']) {
      const failure = loadFailure(cause);
      expect(failure).toMatchObject({ code: 'MODEL_LOAD_FAILED', cause });
      expect(failure.message).toMatch(/^Expected a TensorFlow\.js graph or layers model/);
    }
  });
});

describe('what a run throws', () => {
  it.each(memory)('%s: the inputs are too large', (text) => {
    expect(runFailure(new Error(text), inputs)).toMatchObject({
      code: 'MODEL_RESOURCE',
      message: expect.stringContaining('send smaller ones'),
    });
  });

  it('a dtype of another kind names those that are declared', () => {
    const cause = new Error("The dtype of dict['ids'] provided in model.execute(dict) must be int32, but was float32");
    expect(runFailure(cause, inputs)).toMatchObject({
      code: 'INPUT_DTYPE',
      message: expect.stringContaining('(ids: int32, scale: float32)'),
      cause,
    });
  });

  it.each([
    "The shape of dict['ids'] provided must be [-1,8]",
    'Error in concat2D: rank of tensors[1] must be the same',
    'Operands could not be broadcast together',
    'Error in matMul: inner dims (3) and (2) of Tensors must match',
    'Dimension 1 in both shapes',
    'Error when checking : expected dense_input to have 2 columns',
  ])('%s: shapes clash, and the declared ones are told', (text) => {
    const cause = new Error(text);
    expect(runFailure(cause, inputs)).toMatchObject({
      code: 'INPUT_SHAPE',
      message: expect.stringContaining('(ids: [any, 8]; scale: [])'),
      cause,
    });
  });

  it('without any row, that is the reason; else the model is', () => {
    const cause = 'a kernel broke';
    expect(runFailure(cause, inputs, true)).toMatchObject({
      code: 'INPUT_SHAPE',
      message: expect.stringContaining('at least one row'),
      cause,
    });
    const failure = runFailure(cause, inputs);
    expect(failure).toMatchObject({ code: 'BACKEND_FAILED', cause });
    expect(failure.message).toMatch(/^Expected TensorFlow\.js to run/);
  });
});

it('what is said already is kept', () => {
  const said = new AppError('INPUT_NAME', 'no');
  expect(loadFailure(said)).toBe(said);
  expect(runFailure(said, inputs)).toBe(said);
});

it('only what a runtime lacks is tried in another', () => {
  for (const lack of [
    "Kernel 'StaticRegexReplace' not registered for backend 'wasm'",
    'not yet implemented',
    'not implemented',
    'dilation is not supported',
    'not yet supported',
    'Unsupported padding',
    "Kernel not found for backend 'wasm'",
  ]) {
    expect(mayRunElsewhere(new Error(lack)), lack).toBe(true);
    expect(mayRunElsewhere(lack)).toBe(true);
  }
  for (const other of ['shapes must match', 'out of memory', 'not found']) {
    expect(mayRunElsewhere(new Error(other)), other).toBe(false);
  }
});
