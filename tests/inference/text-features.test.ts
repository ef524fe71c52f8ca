import { describe, expect, it } from 'vitest';
import { asStringInput, textsOf } from '../../src/inference/text-features.ts';
import { refusal } from '../support/codes.ts';

const inputs = [{ name: 'input_ids', dtype: 'int64' as const, shape: [-1, -1] }];

describe('texts in features', () => {
  it.each([
    ['a', ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [{ texts: ['a', 'b'] }, ['a', 'b']],
    [{ texts: [] }, []],
    [{ text: '' }, ['']],
    [{ prompt: 'p' }, ['p']],
    [{ content: 'c' }, ['c']],
    [{ texts: ['a'], text: 'ignored' }, ['a']],
  ])('%j holds %j', (features, texts) => expect(textsOf(features, inputs)).toEqual({ texts }));

  it('are none when a tensor of the model is named', () =>
    expect(textsOf({ input_ids: [[1, 2]] }, inputs)).toBeUndefined());

  it.each([
    ['INVALID_INPUT', 'features', null],
    ['INVALID_INPUT', 'features', 5],
    ['INVALID_INPUT', 'features', undefined],
    ['INVALID_INPUT', 'features', {}],
    ['INVALID_INPUT', 'features', { Text: 'a' }],
    ['INVALID_INPUT', 'features[1]', ['a', 5]],
    ['INVALID_INPUT', 'features.texts', { texts: 'a' }],
    ['INVALID_INPUT', 'features.texts[0]', { texts: [null] }],
    ['INVALID_INPUT', 'features.text', { text: ['a'] }],
    ['INVALID_INPUT', 'features.prompt', { prompt: {} }],
    ['BATCH_LIMIT', 'features.texts', { texts: Array(1025).fill('a') }],
    ['BATCH_LIMIT', 'features.text', { text: 'a'.repeat(1_048_577) }],
  ])('%s at %s', async (code, path, features) => {
    const error = await refusal(() => textsOf(features, inputs));
    expect(error.code).toBe(code);
    expect(error.message.startsWith(`${path}:`)).toBe(true);
  });

  it('may be 1024, of 1,048,576 characters', () => {
    expect(textsOf(Array(1024).fill('a'), inputs)?.texts.length).toBe(1024);
    expect(textsOf('a'.repeat(1_048_576), inputs)?.texts.length).toBe(1);
  });

  it('name every one that is wrong', async () => {
    const { violations } = await refusal(() => textsOf({ texts: [1, 'a', true] }, inputs));
    expect(violations.map(({ path }) => path)).toEqual(['features.texts[0]', 'features.texts[2]']);
  });
});

describe('the only input of a model that takes strings', () => {
  const strings = [{ name: 'inputs', dtype: 'string', shape: [-1] }] as const;

  it.each([
    [{ inputs: ['a'] }, { inputs: ['a'] }],
    [{ text: 'a' }, { inputs: ['a'] }],
    [{ texts: ['a', 'b'] }, { inputs: ['a', 'b'] }],
    ['a', { inputs: ['a'] }],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [
      { inputs: ['a'], text: 'b' },
      { inputs: ['a'], text: 'b' },
    ],
    [{ other: 1 }, { other: 1 }],
    [null, null],
  ])('of %j is %j', (features, named) => expect(asStringInput(features, strings)).toEqual(named));

  it('is not meant where inputs are others', () => {
    const features = { text: 'a' };
    expect(asStringInput(features, [{ ...strings[0], dtype: 'float32' }])).toBe(features);
    expect(asStringInput(features, [...strings, { ...strings[0], name: 'more' }])).toBe(features);
  });

  it('is refused as the texts of a text model are', () => {
    expect(() => asStringInput({ texts: [1] }, strings)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    expect(() => asStringInput({ texts: Array(1025).fill('a') }, strings)).toThrow(
      expect.objectContaining({ code: 'BATCH_LIMIT' }),
    );
  });
});
