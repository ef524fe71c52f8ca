import { type Case, measurementsPerCase } from './dataset.ts';

/** The chance of class 1 is 1 / (1 + e^-z), z = bias + Σ weight × (measurement - mean) / deviation. */
export interface LogisticRegression {
  /** Of each measurement over the cases that were learnt from. */
  readonly means: Float64Array;
  readonly deviations: Float64Array;
  readonly weights: Float64Array;
  readonly bias: number;
}

export interface FitOptions {
  /** Weight of the squared weights in the loss, as scikit-learn's 1 / C; the bias is free. */
  readonly l2: number;
  readonly steps: number;
}

/** Fits by gradient descent over all cases at once, from zero: the loss is convex, so no chance is involved. */
export function fitLogisticRegression(cases: readonly Case[], { l2, steps }: FitOptions): LogisticRegression {
  const { means, deviations } = momentsOf(cases);
  const rows = cases.map(({ measurements }) => measurements.map((value, at) => scaled(value, at, means, deviations)));
  const weights = new Float64Array(measurementsPerCase);
  let bias = 0;
  // The loss bends at most this much: a quarter of the largest sum of squares, and what the weights add.
  const bend = rows.reduce((sum, row) => sum + 1 + row.reduce((all, value) => all + value * value, 0), 0) / 4 + l2;
  for (let step = 0; step < steps; step++) {
    const gradient = Float64Array.from(weights, (weight) => l2 * weight);
    let biasGradient = 0;
    for (const [index, row] of rows.entries()) {
      const error = chanceOf(row, weights, bias) - (cases[index] as Case).label;
      for (const [at, value] of row.entries()) gradient[at] = (gradient[at] as number) + error * value;
      biasGradient += error;
    }
    for (const [at, slope] of gradient.entries()) weights[at] = (weights[at] as number) - slope / bend;
    bias -= biasGradient / bend;
  }
  return { means, deviations, weights, bias };
}

/** Chances of class 1, one a case. */
export const predictChances = ({ means, deviations, weights, bias }: LogisticRegression, cases: readonly Case[]) =>
  cases.map(({ measurements }) =>
    chanceOf(
      measurements.map((value, at) => scaled(value, at, means, deviations)),
      weights,
      bias,
    ),
  );

const scaled = (value: number, at: number, means: Float64Array, deviations: Float64Array): number =>
  (value - (means[at] as number)) / (deviations[at] as number);

function chanceOf(row: readonly number[], weights: Float64Array, bias: number): number {
  const score = row.reduce((sum, value, at) => sum + value * (weights[at] as number), bias);
  return 1 / (1 + Math.exp(-score));
}

function momentsOf(cases: readonly Case[]) {
  const means = new Float64Array(measurementsPerCase);
  const deviations = new Float64Array(measurementsPerCase);
  for (let at = 0; at < measurementsPerCase; at++) {
    const values = cases.map(({ measurements }) => measurements[at] as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    means[at] = mean;
    deviations[at] = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  }
  return { means, deviations };
}
