import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { asLoadError, asRunError } from '../../../src/inference/batching/failures.ts';

describe.each([
  ['a load', asLoadError, 'MODEL_LOAD_FAILED', 'Loading the model needed more memory'],
  ['a run', asRunError, 'BACKEND_FAILED', 'Running the model needed more memory'],
])('whatever %s throws', (_name, translate, code, words) => {
  it('is kept when it is said already', () => {
    const said = new AppError('INPUT_NAME', 'no');
    expect(translate(said)).toBe(said);
  });

  it.each([
    'std::bad_alloc',
    'bad allocation',
    'WebAssembly: out of memory',
    'Array buffer allocation failed',
    'Failed to allocate 7 bytes',
    'Invalid array length',
  ])('is a matter of memory: %s', (text) => {
    const cause = new RangeError(text);
    expect(translate(cause)).toMatchObject({ code: 'MODEL_RESOURCE', message: expect.stringContaining(words), cause });
  });

  it.each([new TypeError('at /srv/a.ts:7'), 'out of memory', 7])('is else the model’s: %s', (cause) => {
    const error = translate(cause);
    expect(error).toMatchObject({ code, cause });
    expect(error.message).toMatch(/; check that /);
    expect(error.message).not.toContain('/srv');
  });
});
