import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCases, shareRight, splitCases } from '../../training-scripts/breast-cancer/dataset.ts';
import { fitLogisticRegression, predictChances } from '../../training-scripts/breast-cancer/logistic-regression.ts';
import { runOnnxFile, toOnnxFile } from '../../training-scripts/breast-cancer/onnx-file.ts';
import { modelsFolder } from '../models/support.ts';

const cases = readCases(join(modelsFolder, 'data', 'breast-cancer.csv.gz'));
const { train, test } = splitCases(cases, 0.2, 20240607);

describe('the data', () => {
  it('are the whole set, with the counts scikit-learn names', () => {
    expect(cases).toHaveLength(569);
    expect(cases.filter(({ label }) => label === 0)).toHaveLength(212);
    expect(cases[0]?.measurements.slice(0, 4)).toEqual([17.99, 10.38, 122.8, 1001]);
  });

  it('are split by class, each case once', () => {
    expect(new Set([...train, ...test]).size).toBe(569);
    expect([test.length, test.filter(({ label }) => label === 0).length]).toEqual([113, 42]);
  });
});

describe('a logistic regression', () => {
  const fitted = fitLogisticRegression(train, { l2: 1, steps: 2000 });

  it('ends where its loss is flat: it began with slopes above 100', () => {
    const chances = predictChances(fitted, train);
    const errors = chances.map((chance, index) => chance - (train[index]?.label ?? 0));
    // With a free bias the errors of the optimum sum to nothing.
    expect(Math.abs(errors.reduce((sum, error) => sum + error, 0))).toBeLessThan(0.1);
    for (let at = 0; at < 30; at++) {
      const scaled = train.map(
        ({ measurements }) =>
          ((measurements[at] as number) - (fitted.means[at] as number)) / (fitted.deviations[at] as number),
      );
      const slope = scaled.reduce((sum, value, index) => sum + value * (errors[index] as number), 0);
      expect(Math.abs(slope + (fitted.weights[at] as number))).toBeLessThan(0.5);
    }
  });

  it('answers in ONNX Runtime what it answers here', async () => {
    const written = await runOnnxFile(toOnnxFile(fitted), test);
    for (const [row, chance] of predictChances(fitted, test).entries()) {
      expect(written[row * 2 + 1]).toBeCloseTo(chance, 4);
      expect((written[row * 2] ?? 0) + (written[row * 2 + 1] ?? 0)).toBeCloseTo(1, 5);
    }
  });
});

describe('breast-cancer-onnx', () => {
  it('reaches the accuracy its metadata claims', async () => {
    const file = readFileSync(join(modelsFolder, 'bundles', 'breast-cancer-onnx.onnx'));
    const { accuracy } = JSON.parse(
      readFileSync(join(modelsFolder, 'metadata', 'breast-cancer-onnx.json'), 'utf8'),
    ).metadata;
    const reached = shareRight(await runOnnxFile(file, test), test);
    expect(reached).toBeCloseTo(accuracy.value, 4);
    expect([accuracy.samples, reached > 0.94]).toEqual([113, true]);
  });
});
