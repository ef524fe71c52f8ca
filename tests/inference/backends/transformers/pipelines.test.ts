import { describe, expect, it } from 'vitest';
import type { Answer, Asking, LoadedModel, LoadOptions } from '../../../../src/inference/backend.ts';
import { TransformersBackend } from '../../../../src/inference/backends/transformers.ts';
import {
  answerFinder,
  idOf,
  imageClassifier,
  maskFiller,
  png,
  sequenceClassifier,
  softmax,
  soundClassifier,
  textGenerator,
  tokenClassifier,
  translator,
  words,
} from '../../../support/tiny-hub.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';
import type { TinyFiles } from '../../../support/tiny-tensorflow.ts';

const backend = new TransformersBackend();
const load = async (files: TinyFiles, options: LoadOptions = {}): Promise<LoadedModel> =>
  backend.load(await tinyPackage(files), options);
const asking: Asking = { signal: new AbortController().signal };
const ask = async (model: LoadedModel, features: unknown, more: Partial<Asking> = {}): Promise<Answer> => {
  const answer = await model.ask?.(features, { ...asking, ...more });
  if (!answer) throw new Error('the model reads no features');
  return answer;
};
const close = (value: number) => expect.closeTo(value, 5);

/** One-hot rows over the vocabulary. */
const towards = (word: (typeof words)[number], weight: number): number[] =>
  words.map((_, id) => (id === idOf(word) ? weight : 0));

describe('text-classification', () => {
  const files = () => sequenceClassifier(['POSITIVE', 'NEGATIVE'], { good: [2, 0], bad: [0, 3] });

  it('answers as the pipeline does, with the scores of the weights', async () => {
    const model = await load(files());
    const [positive] = softmax([4, 3]) as [number];
    expect(await ask(model, { text: 'good good bad' })).toEqual({
      value: [{ label: 'POSITIVE', score: close(positive) }],
      confidence: close(positive),
      promptTokens: 5,
    });
    const [, negative] = softmax([0, 3]) as [number, number];
    expect(await ask(model, { texts: ['good good bad', 'bad'], top_k: 2 })).toEqual({
      value: [
        [
          { label: 'POSITIVE', score: close(positive) },
          { label: 'NEGATIVE', score: close(1 - positive) },
        ],
        [
          { label: 'NEGATIVE', score: close(negative) },
          { label: 'POSITIVE', score: close(1 - negative) },
        ],
      ],
      promptTokens: 8,
    });
    expect(await ask(model, ['bad', 'good'])).toEqual({
      value: [
        { label: 'NEGATIVE', score: close(negative) },
        { label: 'POSITIVE', score: close(softmax([2, 0])[0] as number) },
      ],
      promptTokens: 6,
    });
    expect(await ask(model, { texts: [] })).toEqual({ value: [] });
    await model.dispose();
  });

  it('knows models of many labels, and cuts what is longer than the model reads', async () => {
    const model = await load(
      sequenceClassifier(['A', 'B'], { good: [2, 0] }, { problem_type: 'multi_label_classification' }),
    );
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    expect((await ask(model, { text: 'good', top_k: 2 })).value).toEqual([
      { label: 'A', score: close(sigmoid(2)) },
      { label: 'B', score: close(0.5) },
    ]);
    await model.dispose();
    // The pipeline keeps the first three: [CLS] bad good.
    const short = await load(files(), { maxTokens: 3 });
    expect((await ask(short, { text: 'bad good good good' })).value).toEqual([
      { label: 'NEGATIVE', score: close(softmax([2, 3])[1] as number) },
    ]);
    await short.dispose();
  });
});

it('token-classification, token by token and in groups', async () => {
  const model = await load(
    tokenClassifier(['O', 'B-PER', 'B-LOC'], { anna: [0, 4, 0], rome: [0, 0, 3], lives: [1, 0, 0], in: [1, 0, 0] }),
  );
  const [person] = softmax([4, 0, 0]) as [number];
  const [place] = softmax([3, 0, 0]) as [number];
  expect(await ask(model, { text: 'anna lives in rome' })).toEqual({
    value: [
      { entity: 'B-PER', score: close(person), index: 1, word: 'anna' },
      { entity: 'B-LOC', score: close(place), index: 4, word: 'rome' },
    ],
    promptTokens: 6,
  });
  expect((await ask(model, { texts: ['in rome'], aggregation_strategy: 'simple' })).value).toEqual([
    [{ entity_group: 'LOC', score: close(place), word: 'rome' }],
  ]);
  await model.dispose();
});

it('fill-mask, and says what a text without a mask lacks', async () => {
  const model = await load(
    maskFiller({ lives: towards('anna', 1), in: towards('rome', 3), '[MASK]': towards('good', 0.5) }),
  );
  const logits = words.map((word) => ({ anna: 1, rome: 3, good: 1 })[word as 'anna'] ?? 0);
  const scores = softmax(logits);
  expect((await ask(model, { text: 'lives in [MASK]', top_k: 1 })).value).toEqual([
    {
      score: close(scores[idOf('rome')] as number),
      token: idOf('rome'),
      token_str: 'rome',
      sequence: 'lives in rome',
    },
  ]);
  await expect(ask(model, { text: 'lives in' })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('[MASK]'),
  });
  await model.dispose();
});

it('question-answering: the likeliest span of the context', async () => {
  const model = await load(answerFinder({ rome: [5], anna: [1] }, { rome: [4], in: [1] }));
  // [CLS] lives [SEP] anna lives in rome [SEP]; only [CLS] and the context count.
  const start = softmax([0, 1, 0, 0, 5])[4] as number;
  const end = softmax([0, 0, 0, 1, 4])[4] as number;
  expect(await ask(model, { question: 'lives', context: 'anna lives in rome' })).toEqual({
    value: { answer: 'rome', score: close(start * end) },
    promptTokens: 8,
  });
  await model.dispose();
});

it('zero-shot-classification, when the metadata names it', async () => {
  const files = sequenceClassifier(['contradiction', 'neutral', 'entailment'], { rome: [0, 0, 2], bad: [3, 0, 0] });
  const model = await load(files, { taskType: 'zero-shot-classification' });
  const features = { text: 'anna lives in', candidate_labels: ['rome', 'bad'], hypothesis_template: '{}' };
  const [rome, bad] = softmax([2, 0]) as [number, number];
  expect(await ask(model, features)).toEqual({
    value: { sequence: 'anna lives in', labels: ['rome', 'bad'], scores: [close(rome), close(bad)] },
    confidence: close(rome),
    // The text with each of the labels.
    promptTokens: 14,
  });
  const [, entails] = softmax([0, 2]) as [number, number];
  const [, contradicts] = softmax([3, 0]) as [number, number];
  expect((await ask(model, { ...features, multi_label: true })).value).toMatchObject({
    scores: [close(entails), close(contradicts)],
  });
  await expect(ask(model, { text: 'anna' })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    violations: [{ path: 'features.candidate_labels' }],
  });
  await model.dispose();
});

describe('image-classification', () => {
  // Red minus blue, and twice green.
  const files = () => imageClassifier(['warm', 'green'], [3, 0, 0, 2, -3, 0]);
  const base64 = png(8, 6, [255, 51, 0]).toString('base64');
  const scores = softmax([3, 0.4]);

  it('reads base64 and data: URLs', async () => {
    const model = await load(files());
    const value = [
      { label: 'warm', score: close(scores[0] as number) },
      { label: 'green', score: close(scores[1] as number) },
    ];
    expect(await ask(model, { image: base64 })).toEqual({ value, confidence: close(scores[0] as number) });
    expect((await ask(model, { image: `data:image/png;base64,${base64}` })).value).toEqual(value);
    expect((await ask(model, { images: [base64, base64], top_k: 1 })).value).toEqual([
      value.slice(0, 1),
      value.slice(0, 1),
    ]);
    await model.dispose();
  });

  it.each([
    'https://example.com/cat.png',
    'file:///etc/passwd',
    '/etc/passwd',
    '../../cat.png',
    'data:text/html;base64,PGgxPg==',
    'data:image/svg+xml;base64,PHN2Zy8+',
    '',
    7,
    undefined,
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64'),
    png(8, 6, [1, 2, 3]).subarray(0, 40).toString('base64'),
    png(0, 6, [1, 2, 3]).toString('base64'),
    hugePng(),
  ])('refuses %j', async (image) => {
    const model = await load(files());
    await expect(ask(model, { image })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      violations: [{ path: 'features.image' }],
    });
    await model.dispose();
  });
});

describe('text-generation', () => {
  const files = () =>
    textGenerator({
      anna: towards('lives', 1),
      lives: towards('in', 1),
      in: towards('rome', 1),
      rome: towards('anna', 1),
    });

  it('makes as many tokens as asked for, and no more, and counts them', async () => {
    const model = await load(files());
    expect(await ask(model, { prompt: 'anna', max_new_tokens: 3 })).toEqual({
      value: [{ generated_text: 'anna lives in rome' }],
      promptTokens: 1,
      completionTokens: 3,
    });
    expect(await ask(model, { texts: ['anna', 'anna lives'], max_new_tokens: 1 })).toEqual({
      value: [[{ generated_text: 'anna lives' }], [{ generated_text: 'anna lives in' }]],
      promptTokens: 3,
      completionTokens: 2,
    });
    const messages = [{ role: 'user', content: 'anna' }];
    expect(await ask(model, { messages, max_new_tokens: 1 })).toMatchObject({
      value: [{ generated_text: [...messages, { role: 'assistant', content: ' lives' }] }],
    });
    const generation = { num_predict: 2, temperature: 0 };
    expect((await ask(model, { prompt: 'anna' }, { generation })).value).toEqual([{ generated_text: 'anna lives in' }]);
    await expect(ask(model, { prompt: 'anna', max_new_tokens: 100_000 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      violations: [{ path: 'features.max_new_tokens' }],
    });
    await model.dispose();
  });

  it('stops in the middle when nobody waits any more, and says with each token that it goes on', async () => {
    const model = await load(files());
    const leaving = new AbortController();
    let steps = 0;
    const onStep = () => {
      steps += 1;
      if (steps === 20) leaving.abort(new Error('gone'));
    };
    const answer = ask(model, { prompt: 'anna', max_new_tokens: 1000 }, { signal: leaving.signal, onStep });
    await expect(answer).rejects.toThrow('gone');
    expect(steps).toBe(20);
    expect((await ask(model, { prompt: 'anna', max_new_tokens: 1 })).value).toHaveLength(1);
    await model.dispose();
  });
});

it('text2text-generation, from two files of unlike precision', async () => {
  const model = await load(
    translator({ '[CLS]': towards('anna', 1), anna: towards('lives', 1), lives: towards('[SEP]', 1) }),
  );
  expect(await ask(model, { texts: ['rome', 'good bad'], max_new_tokens: 8 })).toEqual({
    value: [{ generated_text: 'anna lives' }, { generated_text: 'anna lives' }],
    // [CLS] rome [SEP], [CLS] good bad [SEP]; anna lives [SEP], twice.
    promptTokens: 7,
    completionTokens: 6,
  });
  await model.dispose();
});

it('audio-classification, from numbers and from float32 in base64', async () => {
  const model = await load(soundClassifier(['loud', 'quiet'], [4, 0]));
  const samples = Float32Array.of(0.5, 0.25, 0.75, 0.5);
  const score = close(softmax([2, 0])[0] as number);
  for (const audio of [[...samples], { base64: Buffer.from(samples.buffer).toString('base64') }]) {
    const { value, confidence } = await ask(model, { audio, top_k: 1 });
    expect([value, confidence]).toEqual([[{ label: 'loud', score }], score]);
  }
  for (const audio of [[], ['a'], [Number.NaN], 'https://example.com/a.wav', { base64: 'AAA=' }, undefined]) {
    await expect(ask(model, { audio })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      violations: [{ path: 'features.audio' }],
    });
  }
  await model.dispose();
});

it.each<[string, (files: TinyFiles) => TinyFiles]>([
  ['at the top of the package', ({ 'onnx/model.onnx': model = '', ...rest }) => ({ 'model.onnx': model, ...rest })],
  ['under a name of its own', ({ 'onnx/model.onnx': model = '', ...rest }) => ({ 'onnx/my_own.onnx': model, ...rest })],
  [
    'in 16 bits by its name',
    ({ 'onnx/model.onnx': model = '', ...rest }) => ({ 'onnx/model_fp16.onnx': model, ...rest }),
  ],
])('a model file %s is found', async (_name, moved) => {
  const model = await load(moved(sequenceClassifier(['A', 'B'], { good: [9, 0] })));
  expect((await ask(model, { text: 'good' })).value).toMatchObject([{ label: 'A' }]);
  await model.dispose();
});

describe('features', () => {
  it.each<[string, unknown, string]>([
    ['an option that is not on the list', { text: 'good', truncation: false }, 'features'],
    ['a number of labels that is too large', { text: 'good', top_k: 100_000 }, 'features.top_k'],
    ['a callback', { text: 'good', callback_function: 'x' }, 'features'],
    ['numbers for texts', { texts: [1] }, 'features.texts[0]'],
    ['nothing', {}, 'features'],
    ['null', null, 'features'],
  ])('are refused: %s', async (_name, features, path) => {
    const model = await load(sequenceClassifier(['A', 'B'], {}));
    await expect(ask(model, features)).rejects.toMatchObject({ code: 'INVALID_INPUT', violations: [{ path }] });
    await model.dispose();
  });

  it('of generators are refused elsewhere', async () => {
    const model = await load(sequenceClassifier(['A', 'B'], {}));
    const answer = ask(model, { text: 'good' }, { generation: { temperature: 1 } });
    await expect(answer).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      violations: [{ path: 'options.temperature' }],
    });
    await model.dispose();
  });
});

/** 30,000 × 30,000 pixels, as its header says. */
function hugePng(): string {
  const bytes = png(8, 6, [1, 2, 3]);
  bytes.writeUInt32BE(30_000, 16);
  bytes.writeUInt32BE(30_000, 20);
  return bytes.toString('base64');
}
