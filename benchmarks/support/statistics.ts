/** The value below which a share of the values lies; NaN of none. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

/** @example median([3, 1, 2]) // 2 */
export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/**
 * How two things compare that were measured in turn: each round's own ratio first, then the middle one, so that a
 * machine that slows down for both changes nothing.
 */
export const ratioOf = (values: readonly number[], floors: readonly number[]): Spread =>
  spreadOf(values.map((value, round) => value / (floors[round] as number)));
