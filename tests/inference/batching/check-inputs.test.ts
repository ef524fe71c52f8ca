import { describe, expect, it } from 'vitest';
import { checkInputs } from '../../../src/inference/batching/check-inputs.ts';
import type { Tensor, TensorSpec } from '../../../src/lib/tensor.ts';
import { refusal } from '../../support/codes.ts';

const specs: readonly TensorSpec[] = [
  { name: 'ids', dtype: 'int32', shape: [-1, 3] },
  { name: 'mask', dtype: 'bool', shape: [-1], optional: true },
];
const ids = (shape: readonly number[], count = shape.reduce((product, size) => product * size, 1)): Tensor => ({
  dtype: 'int32',
  shape,
  data: new Int32Array(count),
});
const mask: Tensor = { dtype: 'bool', shape: [2], data: new Uint8Array(2) };

describe('tensors that fit', () => {
  it('may leave out what is optional, and take any size where one is free', () => {
    expect(() => checkInputs({ ids: ids([1, 3]) }, specs)).not.toThrow();
    expect(() => checkInputs({ ids: ids([0, 3]) }, specs)).not.toThrow();
    expect(() => checkInputs({ ids: ids([40, 3]), mask }, specs)).not.toThrow();
  });

  it('may have any shape where the declared one means nothing, but hold what it says', async () => {
    const free = new Set(['ids']);
    for (const shape of [[], [4], [2, 2, 2]]) expect(() => checkInputs({ ids: ids(shape) }, specs, free)).not.toThrow();
    expect((await refusal(() => checkInputs({ ids: ids([2, 2], 3) }, specs, free))).code).toBe('INPUT_SHAPE');
    expect((await refusal(() => checkInputs({ ids: ids([4]), mask: ids([2]) }, specs, free))).code).toBe('INPUT_DTYPE');
  });
});

describe('tensors that do not', () => {
  it.each<[string, Record<string, Tensor>, readonly TensorSpec[], string[], string[]]>([
    [
      'one that is missing',
      { mask },
      specs,
      ['ids'],
      ['Expected the inputs ids, mask (optional);', 'got none; add it'],
    ],
    ['one too many', { ids: ids([1, 3]), idz: mask }, specs, ['idz'], ['The model has no input "idz"']],
    [
      'a wrong name',
      { idz: mask },
      specs,
      ['ids', 'idz'],
      ['Expected the input "ids", got none; add it; The model has'],
    ],
    ['a name of every object', { ids: ids([1, 3]), toString: mask }, specs, ['toString'], ['no input "toString"']],
    ['any, for a model without', { x: mask }, [], ['x'], ['Expected the inputs (none);']],
  ])('%s', async (_name, inputs, declared, paths, words) => {
    const error = await refusal(() => checkInputs(inputs, declared));
    expect(error.code).toBe('INPUT_NAME');
    expect(error.violations.map(({ path }) => path)).toEqual(paths);
    for (const word of words) expect(error.message).toContain(word);
    for (const { message } of error.violations) expect(error.message).toContain(message);
  });

  it.each<[string, Tensor, string, string]>([
    ['another dtype', { ...mask, shape: [1, 3] }, 'INPUT_DTYPE', 'Expected int32 for the input "ids", got bool'],
    ['one dimension less', ids([3]), 'INPUT_SHAPE', 'Expected the shape [-1,3]'],
    ['one dimension more', ids([1, 1, 3]), 'INPUT_SHAPE', 'got [1,1,3]'],
    ['another size', ids([3, 1]), 'INPUT_SHAPE', 'got [3,1]'],
    ['a size below nothing', ids([-1, 3], 0), 'INPUT_SHAPE', 'got [-1,3]'],
    ['less than its shape', ids([2, 3], 5), 'INPUT_SHAPE', 'Expected 6 values for the shape [2,3]'],
    ['more than its shape', ids([2, 3], 7), 'INPUT_SHAPE', 'got 7'],
  ])('%s', async (_name, tensor, code, words) => {
    const error = await refusal(() => checkInputs({ ids: tensor }, specs));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.violations).toEqual([{ path: 'ids', message: error.message }]);
  });

  it('also where they may be left out', async () => {
    const error = await refusal(() => checkInputs({ ids: ids([1, 3]), mask: ids([2]) }, specs));
    expect([error.code, error.violations[0]?.path]).toEqual(['INPUT_DTYPE', 'mask']);
  });
});
