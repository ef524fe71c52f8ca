import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelsFolder, unzip } from './support.ts';

interface GoldenCase {
  readonly text: string;
  readonly inputIds: readonly number[];
  readonly embedding: readonly number[];
}

// Made by ONNX Runtime in Python, one text at a time.
const golden: { readonly cases: readonly GoldenCase[] } = JSON.parse(
  readFileSync(new URL('./fixtures/minilm-golden.json', import.meta.url), 'utf8'),
);
const json = (bytes: Buffer | undefined) => JSON.parse(String(bytes));

describe('all-minilm-l6-v2', () => {
  let files: Map<string, Buffer>;
  let session: ort.InferenceSession;

  beforeAll(async () => {
    files = await unzip(join(modelsFolder, 'bundles', 'all-minilm-l6-v2.zip'));
    session = await ort.InferenceSession.create(files.get('onnx/model_quantized.onnx') as Buffer, {
      intraOpNumThreads: 1,
    });
  });
  afterAll(() => session.release());

  it('holds the files a text model needs, with its licence', () => {
    expect([...files.keys()]).toEqual([
      '1_Pooling/config.json',
      'LICENSE',
      'NOTICE',
      'config.json',
      'onnx/model_quantized.onnx',
      'sentence_bert_config.json',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(String(files.get('LICENSE'))).toContain('Apache License');
    expect(json(files.get('sentence_bert_config.json')).max_seq_length).toBe(256);
    expect(json(files.get('1_Pooling/config.json')).pooling_mode_mean_tokens).toBe(true);
  });

  it.each(golden.cases)('embeds $text as Python does', async ({ text, inputIds, embedding }) => {
    const tokenizer = new Tokenizer(json(files.get('tokenizer.json')), json(files.get('tokenizer_config.json')));
    const { ids } = tokenizer.encode(text);
    const cut = ids.length > 256 ? [...ids.slice(0, 255), ids.at(-1) as number] : ids;
    expect(cut).toEqual(inputIds);
    const vector = await embed(cut);
    const dot = vector.reduce((sum, value, index) => sum + value * (embedding[index] as number), 0);
    expect(dot).toBeGreaterThanOrEqual(0.999);
  });

  /** Mean over the tokens, then length 1. */
  async function embed(ids: readonly number[]): Promise<number[]> {
    const tensor = (value: (id: number) => number) =>
      new ort.Tensor(
        'int64',
        BigInt64Array.from(ids, (id) => BigInt(value(id))),
        [1, ids.length],
      );
    const feeds = { input_ids: tensor((id) => id), attention_mask: tensor(() => 1), token_type_ids: tensor(() => 0) };
    const { last_hidden_state: states } = await session.run(feeds);
    const data = states?.data as Float32Array;
    const mean = Array.from({ length: 384 }, (_, unit) =>
      ids.reduce((sum, _id, token) => sum + (data[token * 384 + unit] as number), 0),
    );
    const length = Math.hypot(...mean);
    return mean.map((value) => value / length);
  }
});
