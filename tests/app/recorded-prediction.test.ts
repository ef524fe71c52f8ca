import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { recordedPrediction } from '../../src/app/recorded-prediction.ts';
import { Embeddings } from '../../src/inference/tasks/embedding.ts';

const timing = { queueMs: 0, tokenizeMs: 0, runMs: 0, postMs: 0 };
const shared = { confidence: null, latencyMs: 0, timing };

function embeddings(texts: number, dimension: number, value = 0.3) {
  const data = new Float32Array(texts * dimension).fill(value);
  const prediction = new Embeddings({ dtype: 'float32', shape: [texts, dimension], data });
  return { ...shared, prediction, vectors: { data, dimension } };
}

describe('what an event keeps of a prediction', () => {
  it('is all of a small one', () => {
    expect(recordedPrediction({ ...shared, prediction: { label: 'a', index: 0 } }, {})).toBe('{"label":"a","index":0}');
    const small = embeddings(1, 3, 0.5);
    expect(JSON.parse(recordedPrediction(small, {}))).toEqual({
      embeddings: [[0.5, 0.5, 0.5]],
      embedding: [0.5, 0.5, 0.5],
    });
  });

  it('is the digest of vectors whose JSON is above 64 kB', () => {
    // 13 characters a number and comma, all vectors and the first again.
    const [below, above] = [embeddings(7, 629), embeddings(7, 630)];
    const lengths = [below, above].map(({ prediction }) => prediction.toJsonBytes().length);
    expect(lengths[0]).toBeLessThanOrEqual(65_536);
    expect(lengths[1]).toBeGreaterThan(65_536);
    expect(JSON.parse(recordedPrediction(below, {})).embeddings.length).toBe(7);
    const bytes = Buffer.alloc(7 * 630 * 4);
    for (let index = 0; index < 7 * 630; index++) bytes.writeFloatLE(0.3, index * 4);
    expect(JSON.parse(recordedPrediction(above, {}))).toEqual({
      sha256: createHash('sha256').update(bytes).digest('hex'),
      shape: [7, 630],
    });
  });

  it('is the digest of the vectors alone, also when they lie inside a larger buffer', () => {
    const all = new Float32Array(20_000).map((_, index) => index / 7);
    const part = { data: all.subarray(5000, 15_000), dimension: 1000 };
    const recorded = JSON.parse(recordedPrediction({ ...shared, prediction: {}, vectors: part }, {}));
    expect(recorded).toEqual({
      sha256: createHash('sha256').update(Buffer.from(part.data.slice().buffer)).digest('hex'),
      shape: [10, 1000],
    });
  });

  it('is all of them when the model’s metadata says so', () => {
    const recorded = JSON.parse(recordedPrediction(embeddings(20, 1000), { serving: { recordPrediction: 'full' } }));
    expect(recorded.embeddings.length).toBe(20);
  });

  it('is all of what is no vector, however large', () => {
    const prediction = { text: 'x'.repeat(100_000) };
    expect(recordedPrediction({ ...shared, prediction }, {})).toBe(JSON.stringify(prediction));
  });
});
