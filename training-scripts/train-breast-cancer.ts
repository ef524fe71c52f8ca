import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readCases, shareRight, splitCases } from './breast-cancer/dataset.ts';
import { fitLogisticRegression } from './breast-cancer/logistic-regression.ts';
import { runOnnxFile, toOnnxFile } from './breast-cancer/onnx-file.ts';
import { recordAccuracy } from './digits/record-accuracy.ts';
import { projectRoot } from './support/project-root.ts';

const modelName = 'breast-cancer-onnx';
const testShare = 0.2;
const steps = 20_000;

const help = `Trains the classifier of breast masses on the measurements in models/data and writes its ONNX file.

Usage: node dist/training-scripts/train-breast-cancer.js [options]

  --models        the models folder, default that of this project
  --seed          of the split, default 20240607
  --l2            weight of the squared weights in the loss, default 1
  --min-accuracy  smallest share of test cases that must be right, default 0.94; below it nothing is written
  --json          the result as JSON
  --help          this text

Writes bundles/${modelName}.onnx and the measured accuracy in metadata/. The same seed writes the same bytes.
Exit code: 0 when the model reaches the accuracy, 1 otherwise.`;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      models: { type: 'string' },
      seed: { type: 'string', default: '20240607' },
      l2: { type: 'string', default: '1' },
      'min-accuracy': { type: 'string', default: '0.94' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const folder = resolve(values.models ?? join(projectRoot(), 'models'));
  const cases = readCases(join(folder, 'data', 'breast-cancer.csv.gz'));
  const { train, test } = splitCases(cases, testShare, number('--seed', values.seed));
  const file = toOnnxFile(fitLogisticRegression(train, { l2: number('--l2', values.l2), steps }));
  // Measured on the file as written, by the runtime that will serve it.
  const accuracy = shareRight(await runOnnxFile(file, test), test);
  const written = accuracy >= number('--min-accuracy', values['min-accuracy']);
  if (written) {
    writeFileSync(join(folder, 'bundles', `${modelName}.onnx`), file);
    recordAccuracy(join(folder, 'metadata', `${modelName}.json`), {
      metric: 'accuracy',
      value: Number(accuracy.toFixed(4)),
      dataset: 'Breast Cancer Wisconsin (Diagnostic), 20 % stratified test part',
      samples: test.length,
    });
  }
  const digest = createHash('sha256').update(file).digest('hex');
  const result = { modelName, written, accuracy, testCases: test.length, bytes: file.length, digest };
  console.log(
    values.json
      ? JSON.stringify(result, null, 2)
      : `${modelName}: accuracy ${accuracy.toFixed(4)} on ${test.length} test cases, ${file.length} bytes, sha256 ${digest}, ${written ? 'written' : 'not written: the accuracy asked for was not reached'}`,
  );
  return written ? 0 : 1;
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0) || text.trim() === '') throw new Error(`${option} expects a number from 0, got ${text}`);
  return value;
}
