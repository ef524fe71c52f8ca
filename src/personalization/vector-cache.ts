import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

const maxBytes = 64 * 2 ** 20;

/** Vectors of texts seen before, by the digest of the text and of the encoder that made them. */
export class VectorCache {
  readonly #vectors = new LRUCache<string, Float32Array>({
    maxSize: maxBytes,
    sizeCalculation: (vector) => vector.byteLength,
  });

  /**
   * Vectors of all texts in order; `encode` is asked once, for those not known yet.
   *
   * @param encoder  digest of everything that decides what the encoder answers.
   */
  async vectorsOf(
    encoder: string,
    texts: readonly string[],
    encode: (missing: readonly string[]) => Promise<readonly Float32Array[]>,
  ) {
    const keys = texts.map((text) => `${encoder}:${createHash('sha256').update(text).digest('base64')}`);
    const found = new Map<string, Float32Array>();
    const missing = new Map<string, string>();
    keys.forEach((key, index) => {
      const vector = this.#vectors.get(key);
      if (vector) found.set(key, vector);
      else missing.set(key, texts[index] as string);
    });
    if (missing.size > 0) {
      const made = await encode([...missing.values()]);
      [...missing.keys()].forEach((key, index) => {
        const vector = made[index] as Float32Array;
        this.#vectors.set(key, vector);
        found.set(key, vector);
      });
    }
    return keys.map((key) => found.get(key) as Float32Array);
  }
}
