/** Below this a vector has no direction worth scaling up. */
const floor = 1e-12;

/**
 * Scales each row to Euclidean length 1, in place.
 *
 * @param vectors  row-major `[rows, dimension]`.
 */
export function normalizeRows(vectors: Float32Array, dimension: number): void {
  for (let start = 0; start < vectors.length; start += dimension) {
    let squares = 0;
    for (let index = start; index < start + dimension; index++) squares += (vectors[index] as number) ** 2;
    const length = Math.max(Math.sqrt(squares), floor);
    for (let index = start; index < start + dimension; index++) vectors[index] = (vectors[index] as number) / length;
  }
}
