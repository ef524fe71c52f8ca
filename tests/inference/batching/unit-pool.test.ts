import { describe, expect, it } from 'vitest';
import { UnitPool } from '../../../src/inference/batching/unit-pool.ts';

const poolOf = (...lengths: readonly number[]) => {
  const pool = new UnitPool<{ length: number }>();
  const units = lengths.map((length) => ({ length }));
  for (const unit of units) pool.add(unit);
  const take = (seed: number, most = 8, tokens = 2048) =>
    pool.takeAround(units[seed] as { length: number }, most, tokens);
  return { pool, units, take };
};
const lengths = (group: readonly { length: number }[]) => group.map(({ length }) => length);

describe('UnitPool', () => {
  it('takes what is like the seed, the likest first, and only once', () => {
    const { take } = poolOf(40, 51, 44, 35, 40, 66);
    expect(lengths(take(0, 4))).toEqual([35, 40, 40, 44]);
    expect(lengths(take(1, 4))).toEqual([51]);
    expect(lengths(take(5, 4))).toEqual([66]);
  });

  it('counts padding towards the tokens of a group', () => {
    expect(lengths(poolOf(100, 100, 100, 100).take(0, 8, 300))).toEqual([100, 100, 100]);
    expect(lengths(poolOf(100, 110, 100).take(0, 8, 300))).toEqual([100, 100]);
    expect(lengths(poolOf(500, 500).take(0, 8, 300))).toEqual([500]);
  });

  it('forgets what is deleted', () => {
    const { pool, units, take } = poolOf(9, 9, 9);
    pool.delete(units[1] as { length: number });
    expect(lengths(take(0))).toEqual([9, 9]);
  });
});
