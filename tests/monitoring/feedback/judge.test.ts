import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, sameOutcome } from '../../../src/monitoring/feedback/judge.ts';

const prediction = { label: 'setosa', index: 0, probabilities: { setosa: 0.9, virginica: 0.1 } };
const labels = ['setosa', 'virginica'];

describe('classification', () => {
  it.each([
    ['setosa', true],
    ['virginica', false],
    ['Setosa', false],
    [0, true],
    [1, false],
    [{ label: 'setosa' }, true],
    [{ label: 'virginica' }, false],
    [{ class: 0 }, true],
    [{ class: 1 }, false],
    [{ class: 'setosa' }, true],
    [{ class: 'virginica' }, false],
    [{ class: '0' }, true],
    [{ class: '1' }, false],
    // Number() would read each of these as 0.
    ...[' ', '0 ', ' 0', '0x0', '0e5', '-0', 'a0'].map((text) => [{ class: text }, false] as const),
    [{ label: 'setosa', class: 1 }, true],
    [{ class: 'unheard of' }, false],
    [{}, undefined],
    [null, undefined],
    [true, undefined],
    [[0], undefined],
    [{ class: null }, undefined],
  ])('%j was right: %s', (outcome, right) =>
    expect(judge(prediction, outcome, { taskType: 'classification', labels })).toBe(right),
  );

  it('takes an index of several digits', () => {
    const many = { label: 'label 12', index: 12 };
    expect(judge(many, { class: '12' }, { taskType: 'classification' })).toBe(true);
    expect(judge(many, { class: '2' }, { taskType: 'classification' })).toBe(false);
  });

  it('takes a class that is a label for the label, though it looks like an index', () => {
    const digits = { taskType: 'classification', labels: ['7', '3', '0'] };
    expect(judge({ label: '0', index: 2 }, { class: '0' }, digits)).toBe(true);
    expect(judge({ label: '0', index: 2 }, { class: '2' }, digits)).toBe(true);
    expect(judge({ label: '7', index: 0 }, { class: '0' }, digits)).toBe(false);
  });

  it.each([[null], ['text'], [[prediction, prediction]], [{ label: 'a' }], [{ sha256: 'x', shape: [1] }]])(
    'cannot be judged from %j',
    (recorded) => expect(judge(recorded, 'a', { taskType: 'classification' })).toBeUndefined(),
  );
});

describe('regression', () => {
  it.each([
    [10.5, 0.5, true],
    [10.6, 0.5, false],
    [{ value: 9.5 }, 0.5, true],
    [{ value: 9.4 }, 0.5, false],
    [10, 0, true],
    ['10', 1, undefined],
    [{ value: '10' }, 1, undefined],
    [null, 1, undefined],
    [10, undefined, undefined],
  ])('10 for %j within %s: %s', (outcome, tolerance, right) =>
    expect(judge({ value: 10 }, outcome, { taskType: 'regression', tolerance })).toBe(right),
  );

  it('of several rows cannot be judged', () =>
    expect(judge([{ value: 1 }], 1, { taskType: 'regression', tolerance: 1 })).toBeUndefined());
});

it.each([undefined, 'text-embedding', 'anything'])('task %s has no rule', (taskType) =>
  expect(judge(prediction, 'setosa', { taskType })).toBeUndefined(),
);

describe('the same outcome', () => {
  it('is the same in any order of fields, and after a stay in the table', () => {
    expect(sameOutcome({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true);
    expect(sameOutcome([0], [-0])).toBe(true);
    fc.assert(fc.property(fc.jsonValue(), (outcome) => sameOutcome(JSON.parse(JSON.stringify(outcome)), outcome)));
  });

  it.each([
    [1, '1'],
    [{ a: 1 }, { a: 1, b: null }],
    [
      [1, 2],
      [2, 1],
    ],
    [null, {}],
    [0, false],
  ])('%j is not %j', (a, b) => expect(sameOutcome(a, b)).toBe(false));
});
