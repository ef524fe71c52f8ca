import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planGroups } from '../../../src/inference/batching/plan-groups.ts';

const limits = { maxUnits: 8, maxTokens: 256 };
const lengthsOf = (groups: readonly (readonly { length: number }[])[]) =>
  groups.map((group) => group.map(({ length }) => length));
const plan = (lengths: readonly number[]) =>
  planGroups(
    lengths.map((length) => ({ length })),
    limits,
  );

describe('the runs of one request', () => {
  it('put neighbours in length together', () => {
    expect(lengthsOf(plan([9, 20, 8, 7, 21, 10, 22, 6, 9, 8]))).toEqual([
      [6, 7, 8, 8, 9, 9, 10, 20],
      [21, 22],
    ]);
  });

  it('leave very short texts alone', () => {
    expect(lengthsOf(plan([2, 9, 4, 5, 3]))).toEqual([[2], [3], [4, 5, 9]]);
  });

  it('keep to the tokens of a run, but never drop a long text', () => {
    expect(lengthsOf(plan([100, 120, 130, 300]))).toEqual([[100, 120], [130], [300]]);
  });

  it('hold every text once, within the limits', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 100 }), (lengths) => {
        const groups = lengthsOf(plan(lengths));
        expect(groups.flat().sort((a, b) => a - b)).toEqual([...lengths].sort((a, b) => a - b));
        for (const group of groups) {
          expect(group.length).toBeGreaterThan(0);
          expect(group.length).toBeLessThanOrEqual(limits.maxUnits);
          if (group.length > 1) expect(group.length * Math.max(...group)).toBeLessThanOrEqual(limits.maxTokens);
        }
      }),
    );
  });
});
