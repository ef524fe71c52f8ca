import { describe, expect, it } from 'vitest';
import { OnnxBackend } from '../../../src/inference/backends/onnx.ts';
import { openTextEncoder, type TextEncoder, type TextOverrides } from '../../../src/inference/text/text-encoder.ts';
import { identityOnnx } from '../../support/tiny-onnx.ts';
import { tinyPackage } from '../../support/tiny-package.ts';
import { type TinyTextModel, tinyTextOnnx, tinyTokenizer } from '../../support/tiny-text-model.ts';

type Files = Readonly<Record<string, string>>;

async function tryOpen(model: TinyTextModel, files: Files = {}, overrides: TextOverrides = {}) {
  const stored = await tinyPackage({ 'model.onnx': tinyTextOnnx(model), 'tokenizer.json': tinyTokenizer(), ...files });
  return openTextEncoder(stored, await new OnnxBackend().load(stored, {}), overrides);
}

const open = async (model: TinyTextModel = {}, files: Files = {}, overrides: TextOverrides = {}) =>
  (await tryOpen(model, files, overrides)) as TextEncoder;

const plain = { normalize: false };
const vectorsOf = async (encoder: TextEncoder, texts: string[], options = {}) => [
  ...(await encoder.encodeBatch(encoder.tokenize(texts), options)),
];

describe('tokenising', () => {
  it('ignores the padding and truncation that tokenizer.json asks for', async () => {
    const encoder = await open();
    expect(encoder.tokenize(['one two three four', ''])).toEqual([
      { ids: [2, 4, 5, 6, 7, 3], length: 6, truncated: false },
      { ids: [2, 3], length: 2, truncated: false },
    ]);
  });

  it('cuts at the limit, keeping the special tokens around the text', async () => {
    const encoder = await open({}, {}, { maxTokens: 4 });
    expect(encoder.tokenize(['one two three four', 'one two'])).toEqual([
      { ids: [2, 4, 5, 3], length: 4, truncated: true },
      { ids: [2, 4, 5, 3], length: 4, truncated: false },
    ]);
  });

  it.each(['WordPiece', 'WordLevel'] as const)('knows words it does not know as [UNK], with %s', async (type) => {
    const encoder = await open({}, { 'tokenizer.json': tinyTokenizer(type) });
    expect(encoder.tokenize(['one five'])[0]?.ids).toEqual([2, 4, 1, 3]);
  });

  it('refuses a limit that leaves no room for text', async () => {
    await expect(open({}, {}, { maxTokens: 2 })).rejects.toMatchObject({ code: 'MODEL_MANIFEST' });
  });

  const sentence = { 'sentence_bert_config.json': '{"max_seq_length": 20}' };
  const tokenizer = { 'tokenizer_config.json': '{"model_max_length": 30, "pad_token": "[PAD]"}' };
  const config = { 'config.json': '{"max_position_embeddings": 40}' };

  it.each<[string, Files, TextOverrides, number]>([
    ['metadata', { ...sentence, ...tokenizer, ...config }, { maxTokens: 10 }, 10],
    ['sentence_bert_config.json', { ...sentence, ...tokenizer, ...config }, {}, 20],
    ['tokenizer_config.json', { ...tokenizer, ...config }, {}, 30],
    ['config.json', config, {}, 40],
    [
      'config.json, past an absurd tokenizer limit',
      { ...config, 'tokenizer_config.json': '{"model_max_length": 1e30}' },
      {},
      40,
    ],
    [
      'RoBERTa’s two positions fewer',
      { 'config.json': '{"max_position_embeddings": 514, "model_type": "roberta"}' },
      {},
      512,
    ],
    ['the usual', {}, {}, 512],
  ])('takes the limit of %s', async (_name, files, overrides, limit) => {
    expect((await open({}, files, overrides)).info.maxTokens).toBe(limit);
  });

  it('takes no more tokens than a model of fixed length', async () => {
    const encoder = await open({ width: 5 });
    expect(encoder.info.maxTokens).toBe(5);
    // [CLS] and [SEP] alone: (2 + 3) / 2; the padding to 5 does not count.
    expect(await vectorsOf(encoder, [''], plain)).toEqual([2.5, 1]);
  });
});

describe('vectors', () => {
  it.each(['int64', 'int32'] as const)('are the mean over a text’s own tokens, with ids of %s', async (ids) => {
    const encoder = await open({ ids });
    expect(encoder.info).toMatchObject({ dimension: 2, pooling: 'mean', normalize: true });
    // (2 + 4 + 3) / 3, and (2 + 4 + 5 + 6 + 7 + 3) / 6 beside it.
    expect(await vectorsOf(encoder, ['one', 'one two three four'], plain)).toEqual([3, 1, 4.5, 1]);
  });

  it('are the first token’s where the package or metadata says so', async () => {
    const cls = { '1_Pooling/config.json': '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}' };
    expect(await vectorsOf(await open({}, cls), ['one', 'two three'], plain)).toEqual([2, 1, 2, 1]);
    expect(await vectorsOf(await open({}, {}, { pooling: 'cls' }), ['one'], plain)).toEqual([2, 1]);
    expect((await open({}, cls, { pooling: 'mean' })).info.pooling).toBe('mean');
  });

  it('have length 1 unless told otherwise', async () => {
    const encoder = await open();
    expect(Math.hypot(...(await vectorsOf(encoder, ['one'])))).toBeCloseTo(1, 6);
    const raw = await open({}, {}, plain);
    expect(raw.info.normalize).toBe(false);
    expect(await vectorsOf(raw, ['one'])).toEqual([3, 1]);
  });

  it('are taken as they are from a model that pools by itself', async () => {
    const encoder = await open({ output: 'sentence' });
    expect(encoder.info).toMatchObject({ dimension: 2, pooling: 'model' });
    expect(await vectorsOf(encoder, ['one'], plain)).toEqual([4, 1]);
  });
});

describe('packages', () => {
  it('without a tokenizer take no texts', async () => {
    const stored = await tinyPackage({ 'model.onnx': identityOnnx('float32', ['n']) });
    expect(await openTextEncoder(stored, await new OnnxBackend().load(stored, {}))).toBeUndefined();
  });

  it('of a classifier make no vectors', async () => {
    expect(await tryOpen({ output: 'logits' })).toBeUndefined();
  });

  it('of a decoder are refused by the name of what is missing', async () => {
    const decoder = open({ extraInputs: ['position_ids'] });
    await expect(decoder).rejects.toMatchObject({
      code: 'MODEL_MANIFEST',
      message: expect.stringContaining('"position_ids"'),
    });
  });

  it.each(['{', '[]', '{"model": {"type": "Nonsense"}}'])('with the tokenizer %s are refused', async (text) => {
    await expect(open({}, { 'tokenizer.json': text })).rejects.toMatchObject({ code: 'MODEL_MANIFEST' });
  });

  it('with only the inputs a model declares', async () => {
    const encoder = await open({ extraInputs: ['token_type_ids'] });
    expect(await vectorsOf(encoder, ['one'], plain)).toEqual([3, 1]);
  });
});
