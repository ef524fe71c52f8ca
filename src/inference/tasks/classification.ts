import { AppError } from '../../errors.ts';
import type { Tensor, TensorMap } from '../../lib/tensor.ts';

export interface ClassificationOptions {
  readonly labels?: readonly string[];
  /** The output that holds the scores; else the first float output. */
  readonly outputName?: string;
  readonly outputActivation?: 'logits' | 'probabilities';
}

export interface Classification {
  readonly label: string;
  readonly index: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

/**
 * Reads class scores `[classes]` or `[rows, classes]` as labelled probabilities. Without `outputActivation`,
 * rows that are not already a distribution are taken as logits and put through softmax; a single column is
 * the probability (or logit) of the second of two classes.
 *
 * @throws AppError BACKEND_FAILED when the model has no output that could hold class scores.
 */
export function classify(outputs: TensorMap, options: ClassificationOptions): Classification[] {
  const scores = scoresOf(outputs, options.outputName);
  const columns = scores.shape.at(-1) ?? 1;
  const values = Float64Array.from(scores.data as ArrayLike<number>);
  const rows = columns === 0 ? 0 : values.length / columns;
  const result: Classification[] = [];
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * columns, (row + 1) * columns);
    result.push(labelled(probabilitiesOf(own, options.outputActivation), options.labels));
  }
  return result;
}

function scoresOf(outputs: TensorMap, name: string | undefined): Tensor {
  const isFloat = ({ dtype }: Tensor) => dtype === 'float32' || dtype === 'float64';
  const tensor = name === undefined ? Object.values(outputs).find(isFloat) : outputs[name];
  if (tensor && isFloat(tensor)) return tensor;
  const found = Object.entries(outputs).map(([own, { dtype }]) => `${own} (${dtype})`);
  const wanted = name === undefined ? 'a float32 or float64 output' : `float output "${name}"`;
  throw new AppError(
    'BACKEND_FAILED',
    `A classification needs ${wanted} for its class scores; the model gives ${found.join(', ')}. Set metadata.outputName.`,
  );
}

function probabilitiesOf(scores: Float64Array, activation: ClassificationOptions['outputActivation']): Float64Array {
  if (scores.length === 1) {
    const [score = 0] = scores;
    const isProbability = activation === 'probabilities' || (activation === undefined && score >= 0 && score <= 1);
    const positive = isProbability ? score : 1 / (1 + Math.exp(-score));
    return Float64Array.of(1 - positive, positive);
  }
  const isDistribution = activation === 'probabilities' || (activation === undefined && sumsToOne(scores));
  return isDistribution ? scores : softmax(scores);
}

function sumsToOne(scores: Float64Array): boolean {
  let sum = 0;
  for (const score of scores) {
    if (!(score >= 0)) return false;
    sum += score;
  }
  return Math.abs(sum - 1) < 1e-3;
}

/** Softmax that does not overflow: the largest score is subtracted first. */
export function softmax(scores: Float64Array): Float64Array {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function labelled(probabilities: Float64Array, labels: readonly string[] | undefined): Classification {
  let index = 0;
  const named: Record<string, number> = Object.create(null);
  probabilities.forEach((probability, position) => {
    if (probability > (probabilities[index] ?? 0)) index = position;
    const name = labels?.[position] ?? String(position);
    // Some label lists name two classes alike (ImageNet has two cranes); the likelier one stands for both.
    named[name] = Math.max(named[name] ?? 0, probability);
  });
  return { label: labels?.[index] ?? String(index), index, probabilities: named };
}
