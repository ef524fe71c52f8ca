import { describe, expect, it } from 'vitest';
import { registrationOf } from '../../src/resources/model-form.ts';
import { codeOf } from '../support/codes.ts';

const trainer = { username: 'tom', role: 'trainer' } as const;
const admin = { username: 'ann', role: 'admin' } as const;
const form = { modelName: 'iris', modelVersion: 'v1', framework: 'onnx' };

describe('the form of a model', () => {
  it('needs a name, a version and a framework', () => {
    expect(registrationOf(form, trainer)).toEqual({
      registration: { ...form, stage: 'candidate', metadata: {} },
      aliases: {},
    });
    for (const field of Object.keys(form)) {
      expect(codeOf(() => registrationOf({ ...form, [field]: undefined }, trainer))).toBe('INVALID_INPUT');
    }
  });

  it('ignores what it does not know, and knows other products’ names', () => {
    const { registration, aliases } = registrationOf(
      { modelId: 'iris', version: 'v1', framework: 'onnx', color: 'red' },
      trainer,
    );
    expect(registration).toEqual({ ...form, stage: 'candidate', metadata: {} });
    expect(aliases).toEqual({ modelId: 'modelName', version: 'modelVersion' });
  });

  it('takes schemas and metadata as JSON or as text, and empty ones for none', () => {
    const inputs = [{ name: 'x', shape: [1, 4] }];
    const more = {
      inputSchema: { inputs },
      outputSchema: '{"outputs":[{"name":"y"}]}',
      metadata: '{"taskType":"regression"}',
    };
    const expected = { inputs, outputs: [{ name: 'y' }], metadata: { taskType: 'regression' } };
    expect(registrationOf({ ...form, ...more }, trainer).registration).toMatchObject(expected);
    const none = registrationOf({ ...form, inputSchema: '', outputSchema: null, metadata: '' }, trainer).registration;
    expect(none).toEqual({ ...form, stage: 'candidate', metadata: {} });
  });

  it.each([
    ['ID_INVALID', { modelName: 'a/b' }],
    ['ID_INVALID', { modelVersion: 'active' }],
    ['INVALID_INPUT', { stage: 'live' }],
    ['INVALID_INPUT', { metadata: '{' }],
    ['INVALID_INPUT', { metadata: '[]' }],
    ['INVALID_INPUT', { metadata: { outputActivation: 'relu' } }],
    ['INVALID_INPUT', { inputSchema: '{"inputs":{}}' }],
    ['INVALID_INPUT', { modelId: 'iris' }],
    ['FORBIDDEN', { stage: 'production' }],
  ])('is refused with %s for %j', (code, more) =>
    expect(codeOf(() => registrationOf({ ...form, ...more }, trainer))).toBe(code),
  );

  it.each([
    [trainer, 'development', 'candidate'],
    [trainer, 'staging', 'staging'],
    [admin, 'production', 'production'],
  ])('of %j may be of stage %s', (caller, stage, stored) =>
    expect(registrationOf({ ...form, stage }, caller).registration.stage).toBe(stored),
  );
});
