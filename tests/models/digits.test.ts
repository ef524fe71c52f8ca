import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { accuracyOf, readDigits, splitStratified } from '../../training-scripts/digits/dataset.ts';
import { type LayersFiles, runLayersFiles } from '../../training-scripts/digits/layers-file.ts';
import { runOnnxFile } from '../../training-scripts/digits/onnx-file.ts';
import { useTrainingBackend } from '../../training-scripts/digits/training.ts';
import { modelsFolder, unzip } from './support.ts';

// The split of the shipped models: the default seed and share of train-digits.
const { test } = splitStratified(readDigits(join(modelsFolder, 'data', 'digits.csv.gz')), 0.2, 20240607);
const claimed = (model: string): number =>
  JSON.parse(readFileSync(join(modelsFolder, 'metadata', `${model}.json`), 'utf8')).metadata.accuracy.value;

beforeAll(useTrainingBackend);

describe('digits-onnx', () => {
  const file = readFileSync(join(modelsFolder, 'bundles', 'digits-onnx.onnx'));

  it('reaches the accuracy its metadata claims', async () => {
    const accuracy = accuracyOf(await runOnnxFile(file, test), test);
    expect(accuracy).toBeCloseTo(claimed('digits-onnx'), 4);
    expect(accuracy).toBeGreaterThanOrEqual(0.97);
  });

  it('takes pixels [batch, 64] and gives probabilities [batch, 10]', async () => {
    const session = await ort.InferenceSession.create(file);
    const answered = await session.run({
      pixels: new ort.Tensor('float32', new Float32Array(3 * 64).fill(7), [3, 64]),
    });
    expect(session.inputNames).toEqual(['pixels']);
    expect(session.inputMetadata[0]).toMatchObject({ name: 'pixels', type: 'float32', shape: ['batch', 64] });
    const probabilities = answered.probabilities as ort.Tensor;
    expect(probabilities.dims).toEqual([3, 10]);
    const sum = [...(probabilities.data as Float32Array)].reduce((total, value) => total + value, 0);
    expect(sum).toBeCloseTo(3, 4);
    await session.release();
  });
});

describe('digits-tensorflow', () => {
  it('reaches the accuracy its metadata claims', async () => {
    const zip = await unzip(join(modelsFolder, 'bundles', 'digits-tensorflow.zip'));
    expect([...zip.keys()]).toEqual(['model.json', 'weights.bin']);
    const files = Object.fromEntries(zip) as unknown as LayersFiles;
    const accuracy = accuracyOf(await runLayersFiles(files, test), test);
    expect(accuracy).toBeCloseTo(claimed('digits-tensorflow'), 4);
    expect(accuracy).toBeGreaterThanOrEqual(0.97);
  });
});
