/**
 * Cosine similarity of two vectors of one length; 0 when either is all zeros.
 *
 * @param a  `[dimension]`
 * @param b  `[dimension]`
 * @returns  −1 to 1
 * @example cosine(Float32Array.of(1, 0), Float32Array.of(1, 0)) // 1
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 || bb === 0) return 0;
  return Math.max(-1, Math.min(1, dot / Math.sqrt(aa * bb)));
}
