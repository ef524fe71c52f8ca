import { describe, expect, it } from 'vitest';
import type { Answer, LoadedModel, LoadOptions } from '../../../../src/inference/backend.ts';
import { TransformersBackend } from '../../../../src/inference/backends/transformers.ts';
import { refusal } from '../../../support/codes.ts';
import {
  idOf,
  imageClassifier,
  maskFiller,
  png,
  sequenceClassifier,
  textGenerator,
  translator,
  words,
} from '../../../support/tiny-hub.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';
import type { TinyFiles } from '../../../support/tiny-tensorflow.ts';

const { signal } = new AbortController();
const load = async (files: TinyFiles, options: LoadOptions = {}): Promise<LoadedModel> =>
  new TransformersBackend().load(await tinyPackage(files), options);
const without = (files: TinyFiles, missing: string): TinyFiles =>
  Object.fromEntries(Object.entries(files).filter(([name]) => name !== missing));
const towards = (word: (typeof words)[number]): number[] => words.map((_, id) => (id === idOf(word) ? 1 : 0));
const classifier = () => sequenceClassifier(['A', 'B'], { good: [9, 0], bad: [0, 9] });

describe('a pipeline', () => {
  it('says what it reads, and holds as much memory as its files twice', async () => {
    const files = classifier();
    const model = await load(files, { taskType: 'zero-shot-classification' });
    expect([model.inputs, model.outputs]).toEqual([[], []]);
    expect(model.fields).toEqual({
      inputs: [
        { name: 'texts', type: 'array' },
        { name: 'candidate_labels', type: 'array' },
      ],
      outputs: [],
    });
    expect(model.memoryBytes).toBe(2 * (files['onnx/model.onnx'] as Uint8Array).byteLength);
    expect(model.text).toBeUndefined();
    const tensors = await refusal(() => model.predict({}));
    expect(tensors.message).toContain('zero-shot-classification');
    await model.dispose();
    const gone = await refusal(() => model.ask?.('good', { signal }));
    expect([gone.code, gone.message]).toEqual(['BACKEND_FAILED', expect.stringContaining('unloaded')]);
  });

  it.each<[string, TinyFiles, string]>([
    ['text-classification', classifier(), 'tokenizer.json'],
    ['text-generation', textGenerator({}), 'tokenizer_config.json'],
    ['image-classification', imageClassifier(['A', 'B'], [0, 0, 0, 0, 0, 0]), 'preprocessor_config.json'],
    ['image-to-text', { ...translator({}), 'preprocessor_config.json': '{}' }, 'tokenizer.json'],
    ['image-to-text', translator({}), 'preprocessor_config.json'],
  ])('of the task %s is refused without what it needs: %j', async (task, files, missing) => {
    const error = await refusal(() => load(without(files, missing), { taskType: task }));
    expect(error.code).toBe('MODEL_MANIFEST');
    expect(error.message).toContain(`Expected ${missing} in the package, which the task ${task} needs`);
  });

  it('gives a confidence to one input whose answers have scores, and to no other', async () => {
    const model = await load(classifier());
    const confidenceOf = async (features: unknown) => (await model.ask?.(features, { signal }))?.confidence;
    expect(await confidenceOf({ text: 'good' })).toBeGreaterThan(0.99);
    expect(await confidenceOf({ texts: ['good'], top_k: 2 })).toBeGreaterThan(0.99);
    expect(await confidenceOf({ texts: ['good', 'bad'] })).toBeUndefined();
    expect(await confidenceOf({ texts: [] })).toBeUndefined();
    await model.dispose();
    const filler = await load(maskFiller({}));
    expect((await filler.ask?.({ text: '[MASK]' }, { signal }))?.confidence).toBeUndefined();
    await filler.dispose();
  });

  it('counts tokens where there are any', async () => {
    const images = await load(imageClassifier(['A', 'B'], [0, 0, 0, 0, 0, 0]));
    const seen = (await images.ask?.({ image: png(2, 2, [1, 2, 3]).toString('base64') }, { signal })) as Answer;
    expect(Object.keys(seen).sort()).toEqual(['confidence', 'value']);
    await images.dispose();
    const writer = await load(textGenerator({ anna: towards('lives'), lives: towards('[SEP]') }));
    const text = { prompt: 'anna', max_new_tokens: 5 };
    // It ends by itself: lives, and the end.
    expect(await writer.ask?.(text, { signal })).toMatchObject({ promptTokens: 1, completionTokens: 2 });
    await writer.dispose();
  });

  it('says that it goes on before each text and with each run, and begins no text for one who left', async () => {
    const model = await load(classifier());
    const steps = async (features: unknown) => {
      let count = 0;
      await model.ask?.(features, { signal, onStep: () => (count += 1) });
      return count;
    };
    expect(await steps('good')).toBe(2);
    expect(await steps(['good', 'bad', 'good'])).toBe(6);
    const leaving = new AbortController();
    let count = 0;
    const onStep = () => {
      count += 1;
      if (count === 2) leaving.abort(new Error('gone'));
    };
    await expect(model.ask?.(['good', 'bad'], { signal: leaving.signal, onStep })).rejects.toThrow('gone');
    expect(count).toBe(2);
    await model.dispose();
  });

  it('cuts at the limit of its package where the tokenizer’s own is open', async () => {
    const open = { ...classifier() };
    const config = { ...JSON.parse(open['tokenizer_config.json'] as string), model_max_length: 1e30 };
    const own = { ...JSON.parse(open['config.json'] as string), max_position_embeddings: 6 };
    const files = { ...open, 'tokenizer_config.json': JSON.stringify(config), 'config.json': JSON.stringify(own) };
    const model = await load(files);
    expect((await model.ask?.({ text: 'good '.repeat(50) }, { signal }))?.promptTokens).toBe(6);
    await model.dispose();
  });
});
