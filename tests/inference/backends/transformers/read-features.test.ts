import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import type { GenerationOptions } from '../../../../src/inference/backend.ts';
import { readFeatures } from '../../../../src/inference/backends/transformers/read-features.ts';
import { inputFields, ruleOf, type Task, tasks } from '../../../../src/inference/backends/transformers/tasks.ts';
import { refusal } from '../../../support/codes.ts';
import { png } from '../../../support/tiny-hub.ts';

const names = Object.keys(tasks) as Task[];
const image = png(2, 2, [1, 2, 3]).toString('base64');
const good = {
  texts: ['a'],
  images: [image],
  image,
  audio: [0, 0.5],
  question: 'q',
  context: 'c',
  candidate_labels: ['x', 'y'],
};
/** Features that a task reads, and no others. */
const featuresOf = (task: Task) =>
  Object.fromEntries(inputFields(task).map(({ name }) => [name, good[name as keyof typeof good]]));

const options = [...new Set(names.flatMap((task) => Object.keys(ruleOf(task).options.shape)))];

describe.each(names)('%s', (task) => {
  it('reads what its schema names', () => {
    const { pieces } = readFeatures(task, featuresOf(task));
    expect(pieces).toHaveLength(1);
    // Input, labels and options, in the order of the pipeline's arguments.
    expect(pieces[0]?.at(-1)).toEqual({});
  });

  it('takes nothing that is not on its list: wrong features are named, whatever they are', () => {
    const allowed = new Set(Object.keys(ruleOf(task).options.shape));
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(null, -1, 1e9, '', 'x', [], {}, [Number.NaN]));
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(
        fc.constantFrom(...Object.keys(good), ...options, 'text', 'messages', '__proto__', 'toString'),
        value,
      ),
      fc.dictionary(fc.constantFrom(...options), value).map((more) => ({ ...featuresOf(task), ...more })),
    );
    fc.assert(
      fc.property(strange, (features) => {
        try {
          for (const piece of readFeatures(task, features).pieces) {
            expect(Object.keys(piece.at(-1) as object).filter((name) => !allowed.has(name))).toEqual([]);
          }
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(['INVALID_INPUT', 'BATCH_LIMIT']).toContain(error.code);
          expect(error.message).toMatch(/^features/);
        }
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

it('as many images as one request may hold, and no more', () => {
  const ask = (count: number) => readFeatures('image-classification', { images: new Array(count).fill(image) });
  expect(ask(64).pieces).toHaveLength(64);
  expect(() => ask(65)).toThrow(expect.objectContaining({ code: 'BATCH_LIMIT' }));
});

it('numbers of a voice become what the library never takes for an address', () => {
  const voice = (speaker_embeddings: unknown) => readFeatures('text-to-audio', { text: 'a', speaker_embeddings });
  expect(voice([0.5, 1]).pieces[0]?.at(-1)).toEqual({ speaker_embeddings: Float32Array.of(0.5, 1) });
  expect(() => voice('https://example.com/voice.bin')).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});

describe('the arguments of a pipeline', () => {
  const bytes = Buffer.from(image, 'base64');
  const decoded = (path: string) => ({ bytes, path });

  it.each<[string, Task, unknown, boolean, unknown[][]]>([
    ['a bare text', 'text-classification', 'a', false, [['a', {}]]],
    ['a text by name', 'text-classification', { text: 'a', top_k: 2 }, false, [['a', { top_k: 2 }]]],
    ['a prompt', 'text-generation', { prompt: 'a', top_p: 0.5 }, false, [['a', { top_p: 0.5 }]]],
    [
      'a bare list, piece by piece',
      'fill-mask',
      ['a', 'b'],
      true,
      [
        [['a'], {}],
        [['b'], {}],
      ],
    ],
    ['a list by name', 'summarization', { texts: ['a'] }, true, [[['a'], {}]]],
    ['an empty list', 'fill-mask', { texts: [] }, true, []],
    ['labels', 'zero-shot-classification', { text: 'a', candidate_labels: ['x', 'y'] }, false, [['a', ['x', 'y'], {}]]],
    ['one label', 'zero-shot-classification', { text: 'a', candidate_labels: 'x' }, false, [['a', ['x'], {}]]],
    ['an image', 'depth-estimation', { image }, false, [[decoded('features.image'), {}]]],
    [
      'images, each with its place',
      'image-to-image',
      { images: [image, image] },
      true,
      [
        [[decoded('features.images[0]')], {}],
        [[decoded('features.images[1]')], {}],
      ],
    ],
    [
      'a sound',
      'audio-classification',
      { audio: [0.5], top_k: null },
      false,
      [[Float32Array.of(0.5), { top_k: null }]],
    ],
    ['a question', 'question-answering', { question: 'q', context: 'c', top_k: 1 }, false, [['q', 'c', { top_k: 1 }]]],
    [
      'a document',
      'document-question-answering',
      { image, question: 'q' },
      false,
      [[decoded('features.image'), 'q', {}]],
    ],
    [
      'messages of a chat',
      'text-generation',
      { messages: [{ role: 'user', content: 'a' }] },
      false,
      [[[{ role: 'user', content: 'a' }], {}]],
    ],
  ])('%s', (_name, task, features, isList, pieces) => {
    expect(readFeatures(task, features)).toEqual({ isList, pieces });
  });

  it.each<[string, Task, unknown, string, string]>([
    [
      'images that are no list',
      'image-classification',
      { images: image },
      'features.images',
      'expected a list of images',
    ],
    ['an image among others', 'image-classification', { images: [image, '../x'] }, 'features.images[1]', 'base64'],
    ['a text for an image task', 'image-classification', 'a', 'features', 'expected an object of features'],
    ['a list for a question', 'question-answering', ['q'], 'features', 'expected an object of features'],
    ['no context', 'question-answering', { question: 'q' }, 'features.context', ''],
    ['a question that is no text', 'document-question-answering', { image, question: 1 }, 'features.question', ''],
    [
      'a message of another form',
      'text-generation',
      { messages: [{ role: 'user' }] },
      'features.messages.0.content',
      '',
    ],
    ['no message', 'text-generation', { messages: [] }, 'features.messages', ''],
    ['messages where nobody chats', 'summarization', { messages: [{ role: 'user', content: 'a' }] }, 'features', ''],
    [
      'a template without its place',
      'zero-shot-classification',
      { text: 'a', candidate_labels: 'x', hypothesis_template: 'is' },
      'features.hypothesis_template',
      '',
    ],
    [
      'an empty label',
      'zero-shot-classification',
      { text: 'a', candidate_labels: [''] },
      'features.candidate_labels.0',
      '',
    ],
  ])('not %s', async (_name, task, features, path, words) => {
    const error = await refusal(() => readFeatures(task, features));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations.map((violation) => violation.path)).toContain(path);
    expect(error.violations[0]?.message).toContain(words);
    expect(error.message).toContain(`${error.violations[0]?.path}: ${error.violations[0]?.message}.`);
  });

  it('at most 64 images, which the refusal says', async () => {
    const error = await refusal(() => readFeatures('image-to-text', { images: new Array(65).fill(image) }));
    expect(error.message).toMatch(/^features\.images: .*64.*65/);
  });
});

describe('options of a text generator', () => {
  const optionsOf = (generation: GenerationOptions, features: object = {}) =>
    readFeatures('text-generation', { prompt: 'a', ...features }, generation).pieces[0]?.at(-1);

  it.each<[GenerationOptions, object]>([
    [{}, {}],
    [{ temperature: undefined, seed: undefined }, {}],
    [{ temperature: 0.5 }, { temperature: 0.5, do_sample: true }],
    [{ temperature: 0 }, { do_sample: false }],
    [
      { top_p: 0.5, top_k: 0 },
      { top_p: 0.5, top_k: 0 },
    ],
    [{ num_predict: 7 }, { max_new_tokens: 7 }],
    [{ num_predict: 100_000 }, { max_new_tokens: 1024 }],
  ])('%j', (generation, options) => expect(optionsOf(generation)).toEqual(options));

  it('go before those among the features', () => {
    expect(optionsOf({ num_predict: 2 }, { max_new_tokens: 9, repetition_penalty: 2 })).toEqual({
      max_new_tokens: 2,
      repetition_penalty: 2,
    });
  });

  it.each<[Task, GenerationOptions, string]>([
    ['text-generation', { temperature: 1, seed: 7 }, 'seed'],
    ['text-generation', { top_k: undefined, format: 'json' }, 'format'],
    ['text-classification', { top_k: undefined, top_p: 0.5 }, 'top_p'],
    ['fill-mask', { num_ctx: 8 }, 'num_ctx'],
  ])('%s: refused by name where they have no meaning, %j', async (task, generation, name) => {
    const error = await refusal(() => readFeatures(task, { text: 'a' }, generation));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations).toEqual([{ path: `options.${name}`, message: expect.stringContaining(task) }]);
    expect(error.message).toMatch(new RegExp(`^options\\.${name}: .*${task}\\. Leave it out\\.$`));
  });
});
