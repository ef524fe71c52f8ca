/** A tensor of more dimensions than this is refused; no framework here takes more. */
export const maxRank = 32;

/** A shape as messages show it; a free dimension is `any`. */
export const showShape = (shape: readonly number[]): string =>
  `[${shape.map((size) => (size === -1 ? 'any' : size)).join(', ')}]`;

/** Whether a full shape is one that a declared shape allows. */
export const shapeFits = (declared: readonly number[], shape: readonly number[]): boolean =>
  declared.length === shape.length && declared.every((size, axis) => size === -1 || size === shape[axis]);

/**
 * The shape that sizes given by a caller stand for: themselves, or one row of a free leading batch dimension.
 *
 * @returns undefined when the declared shape allows neither.
 */
export function fitShape(declared: readonly number[], given: readonly number[]): readonly number[] | undefined {
  if (shapeFits(declared, given)) return given;
  const batchOfOne = [1, ...given];
  return declared[0] === -1 && shapeFits(declared, batchOfOne) ? batchOfOne : undefined;
}

/**
 * The shape of a flat array of `length` elements. One free dimension takes what is left; with several, a free
 * leading one is a batch of one.
 *
 * @returns undefined when the length fits no shape, or more than one.
 */
export function fitFlat(declared: readonly number[], length: number): readonly number[] | undefined {
  const free = declared.filter((size) => size === -1).length;
  const sizes = free > 1 && declared[0] === -1 ? [1, ...declared.slice(1)] : [...declared];
  const open = sizes.flatMap((size, axis) => (size === -1 ? [axis] : []));
  const fixed = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const [axis] = open;
  if (axis === undefined) return fixed === length ? sizes : undefined;
  if (open.length > 1 || (fixed === 0 ? length !== 0 : length % fixed !== 0)) return undefined;
  sizes[axis] = fixed === 0 ? 0 : length / fixed;
  return sizes;
}
