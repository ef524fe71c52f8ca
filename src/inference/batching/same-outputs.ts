import type { Tensor, TensorMap } from '../../lib/tensor.ts';

const ABSOLUTE = 1e-5;
const RELATIVE = 1e-4;

/**
 * Whether two runs gave the same answer: the same names, dtypes and shapes; float32 and float64 within
 * `|a-b| ≤ 1e-5 + 1e-4·|b|`, everything else exactly. float16 counts as exact, since its next neighbour is
 * already further away than the tolerance.
 */
export function sameOutputs(actual: TensorMap, expected: TensorMap): boolean {
  const names = Object.keys(expected);
  return (
    names.length === Object.keys(actual).length &&
    names.every((name) => {
      const [a, b] = [actual[name], expected[name]];
      return a !== undefined && b !== undefined && sameTensor(a, b);
    })
  );
}

function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.data.length !== b.data.length) return false;
  if (a.shape.length !== b.shape.length || a.shape.some((size, axis) => size !== b.shape[axis])) return false;
  const same = a.dtype === 'float32' || a.dtype === 'float64' ? isClose : Object.is;
  for (let i = 0; i < a.data.length; i++) if (!same(a.data[i] as number, b.data[i] as number)) return false;
  return true;
}

/** An infinity is close only to itself: its tolerance would be infinite too. */
const isClose = (a: number, b: number): boolean =>
  Object.is(a, b) || a === b || (Number.isFinite(b) && Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b));
