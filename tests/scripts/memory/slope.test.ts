import { expect, it } from 'vitest';
import { slopeOf } from '../../../scripts/memory/slope.ts';

// Least squares by hand: x̄ = 1.5, Σ(x - x̄)(y - ȳ) = 8, Σ(x - x̄)² = 5.
it('is that of the nearest line', () => {
  expect(slopeOf([1, 3, 4, 6])).toBeCloseTo(1.6, 12);
  expect(slopeOf([5, 5, 5])).toBe(0);
  expect(slopeOf([7])).toBe(0);
});
