import { AppError } from '../errors.ts';

export interface GivenRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly startTime?: number | undefined;
  readonly endTime?: number | undefined;
  readonly timeRange?: number | undefined;
}

/**
 * The one range that a query means, from ≤ t < to.
 *
 * @param now  epoch milliseconds, the end of a `timeRange`.
 * @throws AppError INVALID_INPUT when several forms are mixed or the range is inverted.
 */
export function rangeOf(given: GivenRange, now: number): { from?: number; to?: number } {
  const { timeRange } = given;
  const from = single('from', given.from, 'startTime', given.startTime);
  const to = single('to', given.to, 'endTime', given.endTime);
  if (timeRange !== undefined && (from !== undefined || to !== undefined))
    throw invalid('timeRange', 'stands alone, without from and to');
  // Events of this very millisecond belong to a range that ends now.
  if (timeRange !== undefined) return { from: Math.max(0, now - timeRange), to: now + 1 };
  if (from !== undefined && to !== undefined && from > to)
    throw invalid('from', `expected a time before to, got ${from} > ${to}`);
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

function single(name: string, value: number | undefined, alias: string, other: number | undefined): number | undefined {
  if (value !== undefined && other !== undefined && value !== other)
    throw invalid(alias, `is the same as ${name}; expected one of them`);
  return value ?? other;
}

function invalid(path: string, message: string) {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
