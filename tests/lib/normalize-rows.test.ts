import { expect, it } from 'vitest';
import { normalizeRows } from '../../src/lib/normalize-rows.ts';

it('scales each row to length 1, and leaves a row of zeros', () => {
  const vectors = Float32Array.of(3, 4, 0, 0, -1e-3, 0);
  normalizeRows(vectors, 2);
  expect(vectors).toEqual(Float32Array.of(0.6, 0.8, 0, 0, -1, 0));
});
