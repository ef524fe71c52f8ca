import type { Tensor } from '../../lib/tensor.ts';

/**
 * Vectors `[texts, dimension]` as the API shows them.
 *
 * @returns `embedding` is the first of `embeddings`, or an empty array when there was no text.
 */
export function embeddings(vectors: Tensor) {
  const [texts = 0, dimension = 0] = vectors.shape;
  const data = vectors.data as Float32Array;
  const rows = Array.from({ length: texts }, (_, row) => Array.from(data.subarray(row * dimension, (row + 1) * dimension)));
  return { embeddings: rows, embedding: rows[0] ?? [] };
}
