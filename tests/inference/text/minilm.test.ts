import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LoadedModel, ModelPackage } from '../../../src/inference/backend.ts';
import { OnnxBackend } from '../../../src/inference/backends/onnx.ts';
import { openTextEncoder, type TextEncoder } from '../../../src/inference/text/text-encoder.ts';
import { cosine, rowsOfVectors } from '../../support/vectors.ts';

const directory = path.resolve(import.meta.dirname, '../../../../shared/models/all-minilm-l6-v2');
const isHere = existsSync(directory);
if (!isHere) console.info(`skipped: the all-minilm-l6-v2 files are not beside the repository`);

interface Golden {
  readonly cases: readonly {
    readonly text: string;
    readonly inputIds: readonly number[];
    readonly embedding: readonly number[];
  }[];
}

describe.skipIf(!isHere)('all-MiniLM-L6-v2, int8', () => {
  const files: ModelPackage = { digest: 'minilm', directory, entry: 'onnx/model_quantized.onnx' };
  let golden: Golden['cases'];
  let model: LoadedModel;
  let encoder: TextEncoder;

  beforeAll(async () => {
    golden = (JSON.parse(readFileSync(path.join(directory, 'golden.json'), 'utf8')) as Golden).cases;
    model = await new OnnxBackend().load(files, {});
    encoder = (await openTextEncoder(files, model)) as TextEncoder;
  });

  it('reads its settings from the package', () => {
    expect(encoder.info).toEqual({ dimension: 384, maxTokens: 256, pooling: 'mean', normalize: true });
  });

  it('makes the token ids of the golden cases', () => {
    const units = encoder.tokenize(golden.map(({ text }) => text));
    expect(units.map(({ ids }) => ids)).toEqual(golden.map(({ inputIds }) => inputIds));
    expect(units.map(({ truncated }) => truncated)).toEqual(golden.map(({ inputIds }) => inputIds.length === 256));
  });

  it('gives the golden vectors one by one to cosine 0.999, of length 1', async () => {
    for (const { text, embedding } of golden) {
      const vector = await encoder.encodeBatch(encoder.tokenize([text]));
      expect(cosine(vector, embedding), text.slice(0, 40)).toBeGreaterThanOrEqual(0.999);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    }
  });

  it('knows that a text is moved by others beside it', async () => {
    expect(encoder.company).toBe('own');
    const vectors = rowsOfVectors(await encoder.encodeBatch(encoder.tokenize(golden.map(({ text }) => text))), 384);
    const cosines = golden.map(({ embedding }, index) => cosine(vectors[index] as Float32Array, embedding));
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.9);
  });

  it('cuts at the metadata’s limit, keeping [CLS] and [SEP]', async () => {
    const short = (await openTextEncoder(files, model, { maxTokens: 8 })) as TextEncoder;
    const [cut, whole] = short.tokenize(['one two three four five six seven eight', 'one two']);
    expect(cut).toEqual({ ids: [101, 2028, 2048, 2093, 2176, 2274, 2416, 102], length: 8, truncated: true });
    expect(whole).toEqual({ ids: [101, 2028, 2048, 102], length: 4, truncated: false });
  });

  it('pools by the first token, and leaves lengths alone, when told to', async () => {
    const raw = (await openTextEncoder(files, model, { pooling: 'cls', normalize: false })) as TextEncoder;
    expect(raw.info).toMatchObject({ pooling: 'cls', normalize: false });
    const units = raw.tokenize(['a plane is taking off']);
    const vector = await raw.encodeBatch(units);
    expect(Math.hypot(...vector)).not.toBeCloseTo(1, 2);
    const scaled = await raw.encodeBatch(units, { normalize: true });
    expect(Math.hypot(...scaled)).toBeCloseTo(1, 6);
    expect(cosine(vector, scaled)).toBeCloseTo(1, 6);
    expect(cosine(scaled, await encoder.encodeBatch(units))).toBeLessThan(0.999);
  });

  it('reads a megabyte of text as fast as what it keeps of it', () => {
    const long = 'the quick brown fox '.repeat(50_000);
    const [expected] = encoder.tokenize(['the quick brown fox '.repeat(400)]);
    const start = performance.now();
    expect(encoder.tokenize([long])[0]).toEqual(expected);
    expect(performance.now() - start).toBeLessThan(200);
  });
});
