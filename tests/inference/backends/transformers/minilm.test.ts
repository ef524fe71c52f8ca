import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedModel, ModelPackage } from '../../../../src/inference/backend.ts';
import { OnnxBackend } from '../../../../src/inference/backends/onnx.ts';
import { TransformersBackend } from '../../../../src/inference/backends/transformers.ts';
import { openTextEncoder, type TextEncoder } from '../../../../src/inference/text/text-encoder.ts';
import { cosine } from '../../../support/vectors.ts';

const directory = path.resolve(import.meta.dirname, '../../../../../shared/models/all-minilm-l6-v2');
const isHere = existsSync(directory);
if (!isHere) console.info('skipped: the all-minilm-l6-v2 files are not beside the repository');

interface Golden {
  readonly cases: readonly {
    readonly text: string;
    readonly inputIds: readonly number[];
    readonly embedding: readonly number[];
  }[];
}

describe.skipIf(!isHere)('all-MiniLM-L6-v2 through Transformers.js and through ONNX Runtime', () => {
  const files: ModelPackage = { digest: 'minilm', directory, entry: 'onnx/model_quantized.onnx' };
  let golden: Golden['cases'];
  let onnx: LoadedModel;
  let transformers: LoadedModel;
  let direct: TextEncoder;
  let ours: TextEncoder;

  beforeAll(async () => {
    golden = (JSON.parse(readFileSync(path.join(directory, 'golden.json'), 'utf8')) as Golden).cases;
    onnx = await new OnnxBackend().load(files, {});
    direct = (await openTextEncoder(files, onnx)) as TextEncoder;
    transformers = await new TransformersBackend().load(files, { taskType: 'text-embedding' });
    ours = transformers.text as TextEncoder;
  });
  afterAll(() => Promise.all([onnx?.dispose(), transformers?.dispose()]));

  it('says the same of itself', () => {
    expect(ours.info).toEqual(direct.info);
    expect(ours.info.maxTokens).toBe(256);
    expect(ours.company).toBe(direct.company);
    expect(transformers.memoryBytes).toBe(onnx.memoryBytes);
  });

  it('cuts texts into the same tokens, the last of the golden ones at 256', () => {
    const texts = golden.map(({ text }) => text);
    expect(ours.tokenize(texts)).toEqual(direct.tokenize(texts));
    expect(ours.tokenize(texts).map(({ ids }) => ids)).toEqual(golden.map(({ inputIds }) => inputIds));
    expect(ours.tokenize(texts).at(-1)).toMatchObject({ length: 256, truncated: true });
  });

  it('gives the same vectors, text by text: cosine 0.9999 with ONNX, 0.999 with the golden ones', async () => {
    for (const { text, embedding } of golden) {
      const [a, b] = [await ours.encodeBatch(ours.tokenize([text])), await direct.encodeBatch(direct.tokenize([text]))];
      expect(cosine(a, b), text.slice(0, 40)).toBeGreaterThanOrEqual(0.9999);
      expect(cosine(a, embedding), text.slice(0, 40)).toBeGreaterThanOrEqual(0.999);
      expect(Math.hypot(...a)).toBeCloseTo(1, 5);
    }
  });

  it('heeds metadata: pooling, length of vectors, limit', async () => {
    const options = { pooling: 'cls', normalize: false, maxTokens: 8 } as const;
    const model = await new TransformersBackend().load(files, options);
    const own = model.text as TextEncoder;
    const same = (await openTextEncoder(files, onnx, options)) as TextEncoder;
    expect(own.info).toEqual({ dimension: 384, maxTokens: 8, pooling: 'cls', normalize: false });
    const texts = ['one two three four five six seven eight'];
    expect(own.tokenize(texts)).toEqual(same.tokenize(texts));
    const [a, b] = [await own.encodeBatch(own.tokenize(texts)), await same.encodeBatch(same.tokenize(texts))];
    expect(cosine(a, b)).toBeGreaterThanOrEqual(0.9999);
    expect(Math.hypot(...a)).not.toBeCloseTo(1, 2);
    await model.dispose();
  });
});
