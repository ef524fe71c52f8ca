import type { Value, Values } from './values.ts';

/** ONNX's own runner compares floats with these. */
export const tolerance = { relative: 1e-3, absolute: 1e-7 } as const;

/**
 * Why an output is not what the test set expects, or undefined when it is. Dtype and shape must be equal,
 * integers, booleans and strings exactly so; floats within `tolerance`, NaN equal to NaN, infinities by sign.
 */
export function difference(actual: Values, expected: Values): string | undefined {
  if (actual.dtype !== expected.dtype) return `expected dtype ${expected.dtype}, got ${actual.dtype}`;
  if (String(actual.shape) !== String(expected.shape)) {
    return `expected shape [${expected.shape}], got [${actual.shape}]`;
  }
  if (actual.data.length !== expected.data.length) {
    return `expected ${expected.data.length} values, got ${actual.data.length}`;
  }
  const same = expected.dtype.startsWith('float') ? close : Object.is;
  const index = expected.data.findIndex((value, at) => !same(actual.data[at] as Value, value));
  if (index === -1) return undefined;
  return `value ${index}: expected ${expected.data[index]}, got ${actual.data[index]}`;
}

/** The first difference among named outputs; a missing one counts, one that was not asked for does not. */
export function firstDifference(
  actual: Readonly<Record<string, Values>>,
  expected: Readonly<Record<string, Values>>,
): string | undefined {
  for (const [name, wanted] of Object.entries(expected)) {
    const got = Object.hasOwn(actual, name) ? actual[name] : undefined;
    const problem = got === undefined ? 'is missing' : difference(got, wanted);
    if (problem !== undefined) return `output ${name}: ${problem}`;
  }
  return undefined;
}

/** NumPy's `isclose` with `equal_nan`: not symmetric, the expected value scales the tolerance. */
function close(actual: Value, expected: Value): boolean {
  if (typeof actual !== 'number' || typeof expected !== 'number') return false;
  if (Object.is(actual, expected) || actual === expected) return true;
  if (!Number.isFinite(actual) || !Number.isFinite(expected)) return false;
  return Math.abs(actual - expected) <= tolerance.absolute + tolerance.relative * Math.abs(expected);
}
