import { describe, expect, it } from 'vitest';
import type { LoadedModel, LoadOptions } from '../../../../src/inference/backend.ts';
import { TransformersBackend } from '../../../../src/inference/backends/transformers.ts';
import type { TextEncoder } from '../../../../src/inference/text/text-encoder.ts';
import { refusal } from '../../../support/codes.ts';
import { encoder, sequenceClassifier, tokenizerFiles } from '../../../support/tiny-hub.ts';
import { tinyOnnx } from '../../../support/tiny-onnx.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';
import type { TinyFiles } from '../../../support/tiny-tensorflow.ts';
import { tinyTextOnnx } from '../../../support/tiny-text-model.ts';

const backend = new TransformersBackend();
const load = async (files: TinyFiles, options: LoadOptions = {}): Promise<LoadedModel> =>
  backend.load(await tinyPackage(files), options);
const files = (more: TinyFiles = {}): TinyFiles => ({
  ...encoder({ '[CLS]': [1, 0], good: [4, 0], bad: [0, 8], '[SEP]': [1, 1], '[PAD]': [1000, 1000] }),
  ...more,
});
const changed = (own: object): string => JSON.stringify({ ...JSON.parse(files()['config.json'] as string), ...own });

const textOf = ({ text }: LoadedModel): TextEncoder => text ?? expect.fail('the model reads no texts');
async function vectorsOf(model: LoadedModel, texts: readonly string[], normalize?: boolean): Promise<number[]> {
  const text = textOf(model);
  return [...(await text.encodeBatch(text.tokenize(texts), normalize === undefined ? {} : { normalize }))];
}
/** Numbers that are sums in 32 bits. */
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5));

describe('a text encoder by Transformers.js', () => {
  it('pools the mean of each text’s own tokens, whatever stands beside it', async () => {
    const model = await load(files(), { normalize: false });
    // [CLS] good [SEP] and [CLS] bad bad [SEP].
    const [good, bad] = [
      [2, 1 / 3],
      [0.5, 17 / 4],
    ] as [number[], number[]];
    expect(await vectorsOf(model, ['good'])).toEqual(near(good));
    expect(await vectorsOf(model, ['good', 'bad bad'])).toEqual(near([...good, ...bad]));
    expect(textOf(model).company).toBe('any');
    await model.dispose();
  });

  it('scales vectors to length 1 unless told otherwise, each time from the model’s own', async () => {
    const model = await load(files());
    const length = Math.hypot(2, 1 / 3);
    for (let again = 0; again < 2; again++) {
      expect(await vectorsOf(model, ['good'])).toEqual(near([2 / length, 1 / 3 / length]));
      expect(await vectorsOf(model, ['good'], false)).toEqual(near([2, 1 / 3]));
    }
    await model.dispose();
  });

  it('takes the first token where the package or its metadata says so', async () => {
    for (const model of [
      await load(files(), { pooling: 'cls', normalize: false }),
      await load(files({ '1_Pooling/config.json': '{"pooling_mode_cls_token":true}' }), { normalize: false }),
    ]) {
      expect(textOf(model).info.pooling).toBe('cls');
      expect(await vectorsOf(model, ['good', 'bad bad'])).toEqual([1, 0, 1, 0]);
      await model.dispose();
    }
  });

  it('leaves pooling to a model that pools itself', async () => {
    const model = await load(files({ 'onnx/model.onnx': tinyTextOnnx({ output: 'sentence' }) }), {
      normalize: false,
      pooling: 'cls',
    });
    expect(textOf(model).info).toMatchObject({ pooling: 'model', dimension: 2 });
    // Its table: token `id` has [id, 1], and the largest of the text is the vector; good is 5.
    expect(await vectorsOf(model, ['good'])).toEqual([5, 1]);
    await model.dispose();
  });

  it('says what it takes and gives, and how large it is', async () => {
    const own = files();
    const model = await load(own);
    expect(model.inputs).toEqual([]);
    expect(model.outputs).toEqual([{ name: 'embedding', dtype: 'float32', shape: [-1, 2] }]);
    expect(model.fields).toEqual({ inputs: [{ name: 'texts', type: 'array' }], outputs: [] });
    expect(textOf(model).info).toEqual({ dimension: 2, maxTokens: 16, pooling: 'mean', normalize: true });
    expect(model.memoryBytes).toBe(2 * (own['onnx/model.onnx'] as Uint8Array).byteLength);
    expect(model.ask).toBeUndefined();
    const error = await refusal(() => model.predict({}));
    expect([error.code, error.message]).toEqual(['INVALID_INPUT', expect.stringContaining('{"texts":[...]}')]);
    await model.dispose();
  });

  it('asks the model for the size of a vector where its file leaves it open', async () => {
    const open = tinyOnnx({
      inputs: ['input_ids', 'attention_mask'].map((name) => ({ name, dtype: 'int64', shape: ['batch', 'sequence'] })),
      outputs: [{ name: 'last_hidden_state', dtype: 'float32', shape: ['batch', 'sequence', 'size'] }],
      nodes: [{ op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['last_hidden_state'] }],
      initializers: [{ name: 'table', dtype: 'float32', shape: [11, 3], values: new Array<number>(33).fill(2) }],
    });
    const model = await load(files({ 'onnx/model.onnx': open }), { normalize: false });
    expect(textOf(model).info.dimension).toBe(3);
    expect(await vectorsOf(model, ['good', 'bad'])).toEqual([2, 2, 2, 2, 2, 2]);
    await model.dispose();
  });

  it('works for a model that looks at no mask', async () => {
    const bare = tinyOnnx({
      inputs: [{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] }],
      outputs: [{ name: 'last_hidden_state', dtype: 'float32', shape: ['batch', 'sequence', 1] }],
      nodes: [{ op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['last_hidden_state'] }],
      initializers: [{ name: 'table', dtype: 'float32', shape: [11, 1], values: [1000, 0, 3, 3, 0, 6, 9, 0, 0, 0, 0] }],
    });
    const model = await load(files({ 'onnx/model.onnx': bare }), { normalize: false });
    // Padding would add 1000 to the mean of the shorter text.
    expect(await vectorsOf(model, ['good', 'bad bad'])).toEqual([4, 6]);
    await model.dispose();
  });

  it('cuts at the least of metadata and of what the model is made for', async () => {
    const limits = async (own: TinyFiles, options: LoadOptions = {}) => {
      const model = await load(own, options);
      const [unit] = textOf(model).tokenize(['good good good good good good good good']);
      const { maxTokens } = textOf(model).info;
      await model.dispose();
      return [maxTokens, unit?.length, unit?.truncated];
    };
    expect(await limits(files())).toEqual([16, 10, false]);
    expect(await limits(files(), { maxTokens: 4 })).toEqual([4, 4, true]);
    const narrow = files({ 'onnx/model.onnx': tinyTextOnnx({ width: 6 }) });
    expect(await limits(narrow)).toEqual([6, 6, true]);
    expect(await limits(narrow, { maxTokens: 4 })).toEqual([4, 4, true]);
  });

  it('ends what runs before it goes, and takes nothing after', async () => {
    const model = await load(files(), { normalize: false });
    const text = textOf(model);
    const running = text.encodeBatch(text.tokenize(['good']));
    await Promise.all([model.dispose(), model.dispose()]);
    expect([...(await running)]).toEqual(near([2, 1 / 3]));
    const error = await refusal(() => text.encodeBatch(text.tokenize(['good'])));
    expect([error.code, error.message]).toEqual(['BACKEND_FAILED', expect.stringContaining('unloaded')]);
  });
});

describe('a package that is no encoder of texts', () => {
  it('is served as the pipeline instead, when it gives no vectors', async () => {
    const classifier = sequenceClassifier(['A', 'B'], { good: [9, 0] });
    const model = await load(classifier, { taskType: 'text-embedding' });
    expect(model.text).toBeUndefined();
    expect(model.ask).toBeDefined();
    await model.dispose();
  });

  it.each(Object.keys(tokenizerFiles))('is refused without %s, which is named', async (missing) => {
    const rest = Object.fromEntries(Object.entries(files()).filter(([name]) => name !== missing));
    const error = await refusal(() => load(rest, { taskType: 'text-embedding' }));
    expect([error.code, error.message]).toEqual(['MODEL_MANIFEST', expect.stringContaining(`Expected ${missing} in`)]);
  });

  it('is refused for inputs that no tokenizer fills', async () => {
    const cached = files({ 'onnx/model.onnx': tinyTextOnnx({ extraInputs: ['past_key_values'] }) });
    const error = await refusal(() => load(cached));
    expect([error.code, error.message]).toEqual(['MODEL_MANIFEST', expect.stringContaining('"past_key_values"')]);
  });

  it('is served by its inputs and outputs where the library does not know its type', async () => {
    const strange = files({ 'config.json': changed({ model_type: 'strange-7b', architectures: ['StrangeModel'] }) });
    const model = await load(strange, { normalize: false });
    expect(await vectorsOf(model, ['good'])).toEqual(near([2, 1 / 3]));
    await model.dispose();
  });
});
