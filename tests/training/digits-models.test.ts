import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { accuracyOf, type Digit, readDigits } from '../../training-scripts/digits/dataset.ts';
import { runLayersFiles, toLayersFiles } from '../../training-scripts/digits/layers-file.ts';
import { runOnnxFile, toOnnxFile } from '../../training-scripts/digits/onnx-file.ts';
import { recordAccuracy } from '../../training-scripts/digits/record-accuracy.ts';
import { convolutionalModel, denseModel, train, useTrainingBackend } from '../../training-scripts/digits/training.ts';

const digits = readDigits(fileURLToPath(new URL('../../models/data/digits.csv.gz', import.meta.url)));
const few = digits.slice(0, 20);

beforeAll(useTrainingBackend);

async function inMemory(model: { predict(input: tf.Tensor): tf.Tensor | tf.Tensor[] }, of: readonly Digit[]) {
  const output = model.predict(tf.tensor2d(of.map(({ pixels }) => [...pixels]))) as tf.Tensor;
  return output.data();
}

const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, index) => Math.abs(value - (b[index] as number))));

describe('the written files', () => {
  it('answer in ONNX Runtime what the dense model answers in TensorFlow.js', async () => {
    const model = denseModel(5);
    const written = await runOnnxFile(await toOnnxFile(model), few);
    expect(written).toHaveLength(200);
    expect(furthest(written, await inMemory(model, few))).toBeLessThan(1e-5);
  });

  it('answer as layers model what the convolutional model answers in memory', async () => {
    const model = convolutionalModel(5);
    const files = await toLayersFiles(model);
    expect(JSON.parse(String(files['model.json']))).toMatchObject({ format: 'layers-model' });
    expect(furthest(await runLayersFiles(files, few), await inMemory(model, few))).toBeLessThan(1e-6);
  });
});

describe('train', () => {
  it('learns, and gives the same weights for the same seed', async () => {
    const part = digits.slice(0, 320);
    const run = async (seed: number) => {
      const model = denseModel(seed);
      const losses: number[] = [];
      await train(model, part, { epochs: 5, seed, onEpoch: (_, loss) => losses.push(loss) });
      return { file: await toOnnxFile(model), losses };
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(first.losses[4]).toBeLessThan((first.losses[0] as number) * 0.8);
    expect(Buffer.from(again.file).equals(first.file)).toBe(true);
    expect(Buffer.from(other.file).equals(first.file)).toBe(false);
    // Ten digits: guessing gives 0.1.
    expect(accuracyOf(await runOnnxFile(first.file, part), part)).toBeGreaterThan(0.5);
  });
});

describe('recordAccuracy', () => {
  it('changes the accuracy and nothing else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'accuracy-'));
    const path = join(folder, 'm.json');
    try {
      writeFileSync(path, JSON.stringify({ modelName: 'm', metadata: { labels: ['0'], accuracy: {}, license: 'x' } }));
      const accuracy = { metric: 'accuracy', value: 0.5, dataset: 'd', samples: 2 } as const;
      recordAccuracy(path, accuracy);
      expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
        modelName: 'm',
        metadata: { labels: ['0'], accuracy, license: 'x' },
      });
      writeFileSync(path, '{}');
      expect(() => recordAccuracy(path, accuracy)).toThrow(/expected an object under "metadata"/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
