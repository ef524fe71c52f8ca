import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { readFeatures } from '../../../../src/inference/backends/transformers/read-features.ts';
import { inputFields, ruleOf, type Task, tasks } from '../../../../src/inference/backends/transformers/tasks.ts';
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
