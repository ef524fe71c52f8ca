import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify, softmax } from '../../../src/inference/tasks/classification.ts';
import { interpret } from '../../../src/inference/tasks/interpret.ts';
import { codeOf, refusal } from '../../support/codes.ts';

const float = (shape: readonly number[], values: readonly number[]) => ({
  dtype: 'float64' as const,
  shape,
  data: Float64Array.from(values),
});
const probabilitiesOf = (values: readonly number[], more = {}) =>
  Object.values(classify({ y: float([1, values.length], values) }, more)[0]?.probabilities ?? {});

describe('softmax', () => {
  // exp(x) / sum(exp(x)) with 60 decimal digits (Python's decimal), rounded to doubles.
  it.each([
    [
      [1, 2, 3],
      [0.09003057317038046, 0.24472847105479764, 0.6652409557748219],
    ],
    [
      [-1.5, 0, 0.25, 4],
      [0.003907345521839444, 0.01751150771926222, 0.022485220996056272, 0.9560959257628421],
    ],
    [
      [1000, 1001, 999],
      [0.24472847105479764, 0.6652409557748219, 0.09003057317038046],
    ],
    [
      [-1000, -1000.5],
      [0.6224593312018546, 0.37754066879814546],
    ],
    [
      [0, 0, 0, 0],
      [0.25, 0.25, 0.25, 0.25],
    ],
    [
      [88.7, -88.7],
      [1, 9.039801837520518e-78],
    ],
    [
      [12.5, 12.5, -3, 0.001],
      [0.49999902102171045, 0.49999902102171045, 9.276938649201265e-8, 1.8651871926366144e-6],
    ],
  ])('of %j', (scores, expected) => {
    const probabilities = softmax(Float64Array.from(scores));
    expected.forEach((value, index) => {
      expect(Math.abs((probabilities[index] ?? 0) - value)).toBeLessThanOrEqual(value * 1e-14);
    });
  });

  it('sums to one and keeps the order, also for the largest doubles', () => {
    const score = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(score, { minLength: 2, maxLength: 20 }), (scores) => {
        const probabilities = softmax(Float64Array.from(scores));
        expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        scores.forEach((one, i) => {
          scores.forEach((other, j) => {
            if (one > other) expect(probabilities[i]).toBeGreaterThanOrEqual(probabilities[j] as number);
          });
        });
      }),
    );
  });
});

describe('class scores', () => {
  it('that are a distribution stay as they are', () => {
    expect(probabilitiesOf([0.2, 0.5, 0.3])).toEqual([0.2, 0.5, 0.3]);
    expect(probabilitiesOf([0.2, 0.5, 0.3004])).toEqual([0.2, 0.5, 0.3004]);
  });

  it.each([
    ['do not sum to one', [0.2, 0.5, 0.4]],
    ['miss one by more than a thousandth', [0.2, 0.5, 0.302]],
    ['are below zero', [-0.2, 0.6, 0.6]],
    ['are all zero', [0, 0, 0]],
  ])('that %s are logits', (_what, scores) =>
    expect(probabilitiesOf(scores)).toEqual([...softmax(Float64Array.from(scores))]),
  );

  it('are what metadata says they are', () => {
    expect(probabilitiesOf([0.2, 0.5, 0.4], { outputActivation: 'probabilities' })).toEqual([0.2, 0.5, 0.4]);
    expect(probabilitiesOf([0.5, 0.5], { outputActivation: 'logits' })).toEqual([0.5, 0.5]);
    expect(probabilitiesOf([1, 0], { outputActivation: 'logits' })[0]).toBeCloseTo(0.7310585786300049, 15);
  });

  // 1 / (1 + exp(-x)), as above.
  it.each([
    [0.9, undefined, 0.9],
    [0, undefined, 0],
    [1, undefined, 1],
    [2.5, undefined, 0.9241418199787564],
    [-2.5, undefined, 0.07585818002124355],
    [40, undefined, 1],
    [-750, undefined, 0],
    [0.9, 'logits', 0.710949502625004],
    [1.5, 'logits', 0.8175744761936437],
    [0.25, 'probabilities', 0.25],
  ])('of one column %d (%s) are the second class with %d', (score, outputActivation, expected) => {
    const [only] = classify(
      { y: float([1, 1], [score]) },
      { labels: ['no', 'yes'], ...(outputActivation && { outputActivation: outputActivation as 'logits' }) },
    );
    expect(only?.probabilities.yes).toBeCloseTo(expected, 15);
    expect(only?.probabilities.no).toBeCloseTo(1 - expected, 15);
    expect(only?.label).toBe(expected > 0.5 ? 'yes' : 'no');
  });

  it('name the class by its label, else by its index', () => {
    const outputs = { y: float([3], [0.1, 0.2, 0.7]) };
    expect(classify(outputs, { labels: ['a', 'b', 'c'] })).toEqual([
      { label: 'c', index: 2, probabilities: { a: 0.1, b: 0.2, c: 0.7 } },
    ]);
    expect(classify(outputs, { labels: ['a'] })).toEqual([
      { label: '2', index: 2, probabilities: { a: 0.1, 1: 0.2, 2: 0.7 } },
    ]);
    expect(classify(outputs, { labels: ['a', 'b', '__proto__'] })[0]?.label).toBe('__proto__');
  });

  it('that are equal choose the first', () => expect(classify({ y: float([2], [0.5, 0.5]) }, {})[0]?.index).toBe(0));

  it('of a batch give one class a row', () => {
    const rows = classify({ y: float([3, 2], [0, 9, 9, 0, 1, 0]) }, {});
    expect(rows.map(({ index }) => index)).toEqual([1, 0, 0]);
    expect(classify({ y: float([0, 2], []) }, {})).toEqual([]);
    expect(classify({ y: float([2, 0], []) }, {})).toEqual([]);
  });

  it('are the first float output, or the named one', () => {
    const label = { dtype: 'int64' as const, shape: [1], data: BigInt64Array.of(7n) };
    const outputs = { label, a: float([1, 2], [1, 0]), b: float([1, 2], [0, 1]) };
    expect(classify(outputs, {})[0]?.index).toBe(0);
    expect(classify(outputs, { outputName: 'b' })[0]?.index).toBe(1);
  });

  it.each([[{}], [{ outputName: 'label' }], [{ outputName: 'none' }]])(
    'that are not there are an error of the model: %j',
    async (options) => {
      const outputs = { label: { dtype: 'int64' as const, shape: [1], data: BigInt64Array.of(7n) } };
      expect(codeOf(() => classify(outputs, options))).toBe('BACKEND_FAILED');
      expect((await refusal(() => classify(outputs, options))).message).toContain('label (int64)');
    },
  );
});

describe('the confidence', () => {
  it('is the top probability of one row, never of a batch', () => {
    const metadata = { taskType: 'classification', labels: ['a', 'b'] };
    expect(interpret(metadata, { outputs: { y: float([1, 2], [0.25, 0.75]) } }, false)).toMatchObject({
      prediction: { label: 'b' },
      confidence: 0.75,
    });
    expect(interpret(metadata, { outputs: { y: float([2, 2], [1, 0, 0, 1]) } }, false)).toMatchObject({
      prediction: [{ label: 'a' }, { label: 'b' }],
      confidence: null,
    });
    expect(interpret(metadata, { outputs: { y: float([0, 2], []) } }, false)).toEqual({
      prediction: [],
      confidence: null,
    });
  });

  it('is the top probability though two classes share a label', () => {
    const metadata = { taskType: 'classification', labels: ['cat', 'cat'] };
    expect(interpret(metadata, { outputs: { y: float([1, 2], [0.9, 0.1]) } }, false).confidence).toBe(0.9);
  });

  it('is null when the model gives no number', () => {
    const metadata = { taskType: 'classification' };
    for (const scores of [
      [Number.NaN, 1],
      [Number.NaN, Number.NaN],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ]) {
      expect(interpret(metadata, { outputs: { y: float([1, 2], scores) } }, false).confidence).toBeNull();
    }
  });
});
