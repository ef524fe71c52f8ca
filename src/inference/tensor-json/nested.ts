import { elementCount, type Tensor, type TensorSpec } from '../../lib/tensor.ts';
import { newData, writeElements } from './elements.ts';
import { fitFlat, fitShape, maxRank, showShape } from './shapes.ts';
import { describe, type InputViolations } from './violations.ts';

/** Sizes along the first element of each level; more than `maxRank` of them means too deep. */
function sizesOf(value: unknown): number[] {
  const sizes: number[] = [];
  for (let level = value; Array.isArray(level) && sizes.length <= maxRank; level = level[0]) sizes.push(level.length);
  return sizes;
}

/** `[3][2]` for a row-major index into these sizes. */
function indexPath(sizes: readonly number[], index: number): string {
  let path = '';
  let rest = index;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis] as number;
    path = `[${rest % size}]${path}`;
    rest = Math.floor(rest / size);
  }
  return path;
}

/**
 * Walks every array above the innermost level and calls `leaf` for each innermost one. Says where a row's
 * length differs from the first row's. Recursion ends at the rank, which `sizesOf` bounds.
 */
function walk(
  value: unknown,
  sizes: readonly number[],
  path: string,
  violations: InputViolations,
  leaf: (row: readonly unknown[]) => void,
  axis = 0,
): void {
  if (violations.full) return;
  if (!Array.isArray(value) || value.length !== sizes[axis]) {
    violations.add(
      'INPUT_SHAPE',
      path,
      `expected an array of ${sizes[axis]} as in the first row, came ${describe(value)}`,
    );
  } else if (axis === sizes.length - 1) leaf(value);
  else
    for (let row = 0; row < value.length; row++) walk(value[row], sizes, `${path}[${row}]`, violations, leaf, axis + 1);
}

/** The declared shape for what a caller wrote: nested, one row of it, flat, or a bare value. */
function resolveShape(declared: readonly number[], sizes: readonly number[]): readonly number[] | undefined {
  if (sizes.length === 0) {
    const single = declared.length === 0 || (declared.length === 1 && (declared[0] === -1 || declared[0] === 1));
    return single ? declared.map(() => 1) : undefined;
  }
  const last = sizes[sizes.length - 1];
  // `[]` says nothing about the dimensions inside it.
  const padded = last === 0 && sizes.length < declared.length ? padEmpty(declared, sizes) : sizes;
  return fitShape(declared, padded) ?? (sizes.length === 1 ? fitFlat(declared, sizes[0] as number) : undefined);
}

const padEmpty = (declared: readonly number[], sizes: readonly number[]): readonly number[] => [
  ...sizes,
  ...declared.slice(sizes.length).map((size) => Math.max(size, 0)),
];

/**
 * A tensor from nested arrays, a flat array whose length fits, or a bare value.
 *
 * @returns undefined after adding what is wrong to `violations`.
 */
export function fromNested(
  value: unknown,
  { dtype, shape: declared }: TensorSpec,
  path: string,
  violations: InputViolations,
): Tensor | undefined {
  const before = violations.size;
  const sizes = sizesOf(value);
  const shape = sizes.length <= maxRank ? resolveShape(declared, sizes) : undefined;
  if (!shape) {
    const came = sizes.length > maxRank ? `more than ${maxRank} levels of arrays` : showCame(value, sizes);
    violations.add(
      'INPUT_SHAPE',
      path,
      `expected ${dtype} of shape ${showShape(declared)}, came ${came}; ${cure(declared)}`,
    );
    return undefined;
  }
  const rows: (readonly unknown[])[] = [];
  // Rows are checked before memory is taken: the first row alone would promise more than was sent.
  if (sizes.length === 0) rows.push([value]);
  else walk(value, sizes, path, violations, (row) => rows.push(row));
  if (violations.size > before) return undefined;
  const data = newData(dtype, elementCount(shape));
  let offset = 0;
  for (const row of rows) {
    writeElements(dtype, row, data, offset, false, (index, code, message) =>
      violations.add(code, `${path}${indexPath(sizes, index)}`, message),
    );
    if (violations.full) break;
    offset += row.length;
  }
  return violations.size > before ? undefined : { dtype, shape, data };
}

const showCame = (value: unknown, sizes: readonly number[]): string =>
  sizes.length ? `shape ${showShape(sizes)}` : describe(value);

function cure(declared: readonly number[]): string {
  if (declared.length === 0) return 'send one bare value';
  return 'send nested arrays of this shape, or {"dtype","shape","data"}';
}
