import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { accuracyOf, readDigits, splitStratified } from './digits/dataset.ts';
import { runLayersFiles, toLayersFiles } from './digits/layers-file.ts';
import { runOnnxFile, toOnnxFile } from './digits/onnx-file.ts';
import { recordAccuracy } from './digits/record-accuracy.ts';
import { convolutionalModel, denseModel, train, useTrainingBackend } from './digits/training.ts';
import { zipFiles } from './support/archive.ts';
import { projectRoot } from './support/project-root.ts';

const defaults = { epochs: '30', seed: '20240607' } as const;
const testShare = 0.2;

const help = `Trains the two digit classifiers on the handwritten digits in models/data and writes their packages.

Usage: node dist/training-scripts/train-digits.js [options]

  --models        the models folder, default that of this project
  --epochs        passes over the training pictures, default ${defaults.epochs}
  --seed          of the split, the weights and the batches, default ${defaults.seed}
  --min-accuracy  smallest share of test pictures that must be right, default 0.97; below it nothing is written
  --json          the result as JSON
  --help          this text

Writes bundles/digits-tensorflow.zip and bundles/digits-onnx.onnx and the measured accuracy in metadata/.
The same seed on the same machine and Node version writes the same bytes.
Exit code: 0 when both models reach the accuracy, 1 otherwise.`;

interface Trained {
  readonly modelName: string;
  readonly bundle: string;
  readonly bytes: Uint8Array;
  readonly accuracy: number;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      models: { type: 'string' },
      epochs: { type: 'string', default: defaults.epochs },
      seed: { type: 'string', default: defaults.seed },
      'min-accuracy': { type: 'string', default: '0.97' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const epochs = wholeNumber('--epochs', values.epochs);
  const seed = wholeNumber('--seed', values.seed);
  const folder = resolve(values.models ?? join(projectRoot(), 'models'));
  const split = splitStratified(readDigits(join(folder, 'data', 'digits.csv.gz')), testShare, seed);
  const progress = (modelName: string) => (epoch: number, loss: number) =>
    process.stderr.write(`${modelName} epoch ${epoch} of ${epochs}, loss ${loss.toFixed(4)}\n`);

  await useTrainingBackend();
  const convolutional = convolutionalModel(seed);
  await train(convolutional, split.train, { epochs, seed, onEpoch: progress('digits-tensorflow') });
  const files = await toLayersFiles(convolutional);
  const dense = denseModel(seed);
  await train(dense, split.train, { epochs, seed, onEpoch: progress('digits-onnx') });
  const onnxFile = await toOnnxFile(dense);

  // Measured on the files as written, not on the models in memory: this is what will be served.
  const trained: Trained[] = [
    {
      modelName: 'digits-tensorflow',
      bundle: 'digits-tensorflow.zip',
      bytes: await zipFiles({ ...files }),
      accuracy: accuracyOf(await runLayersFiles(files, split.test), split.test),
    },
    {
      modelName: 'digits-onnx',
      bundle: 'digits-onnx.onnx',
      bytes: onnxFile,
      accuracy: accuracyOf(await runOnnxFile(onnxFile, split.test), split.test),
    },
  ];
  const reached = trained.every(({ accuracy }) => accuracy >= Number(values['min-accuracy']));
  if (reached) for (const model of trained) write(folder, model, split.test.length);
  print(trained, split.test.length, reached, values.json);
  return reached ? 0 : 1;
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${option} expects a whole number from 1, got ${text}`);
  return value;
}

function write(folder: string, { modelName, bundle, bytes, accuracy }: Trained, samples: number): void {
  writeFileSync(join(folder, 'bundles', bundle), bytes);
  recordAccuracy(join(folder, 'metadata', `${modelName}.json`), {
    metric: 'accuracy',
    value: Number(accuracy.toFixed(4)),
    dataset: 'UCI Optical Recognition of Handwritten Digits, 20 % stratified test part',
    samples,
  });
}

function print(trained: readonly Trained[], samples: number, written: boolean, json: boolean): void {
  const models = trained.map(({ modelName, bundle, bytes, accuracy }) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { modelName, bundle: `bundles/${bundle}`, accuracy, bytes: bytes.length, digest };
  });
  if (json) {
    console.log(JSON.stringify({ written, testImages: samples, models }, null, 2));
    return;
  }
  for (const { modelName, bundle, accuracy, bytes, digest } of models) {
    console.log(
      `${modelName}: accuracy ${accuracy.toFixed(4)} on ${samples} test images, ${bytes} bytes, sha256 ${digest}`,
    );
    console.log(written ? `  written to ${bundle}` : '  not written: the accuracy asked for was not reached');
  }
}
