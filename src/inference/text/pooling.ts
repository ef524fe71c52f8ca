/**
 * One vector for each text from the vectors of its tokens: the mean over its own tokens, or the first one.
 *
 * @param hidden   `[texts, width, dimension]`, row-major; tokens behind a text's length are padding.
 * @param lengths  tokens of each text.
 * @returns        `[texts, dimension]`
 */
export function poolTokens(
  pooling: 'mean' | 'cls',
  hidden: Float32Array,
  lengths: readonly number[],
  width: number,
  dimension: number,
): Float32Array {
  const vectors = new Float32Array(lengths.length * dimension);
  for (const [text, length] of lengths.entries()) {
    const start = text * width * dimension;
    const target = vectors.subarray(text * dimension, (text + 1) * dimension);
    if (pooling === 'cls') target.set(hidden.subarray(start, start + dimension));
    else addMean(hidden, start, length, target);
  }
  return vectors;
}

function addMean(hidden: Float32Array, start: number, length: number, target: Float32Array): void {
  const dimension = target.length;
  // Sums in double precision: 512 tokens of float32 would lose digits.
  const sums = new Float64Array(dimension);
  for (let token = 0; token < length; token++) {
    const row = start + token * dimension;
    for (let index = 0; index < dimension; index++) {
      sums[index] = (sums[index] as number) + (hidden[row + index] as number);
    }
  }
  for (let index = 0; index < dimension; index++) target[index] = (sums[index] as number) / Math.max(length, 1);
}
