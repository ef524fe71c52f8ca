import { float32RowsJson } from '../../lib/float32-json.ts';
import type { Tensor } from '../../lib/tensor.ts';

/**
 * Vectors `[texts, dimension]` as the API shows them: `embeddings` holds all of them, `embedding` the first,
 * or nothing when there was no text. The vectors are turned into JSON straight from memory.
 */
export class Embeddings {
  readonly #data: Float32Array;
  readonly #dimension: number;

  constructor(vectors: Tensor) {
    this.#data = vectors.data as Float32Array;
    this.#dimension = vectors.shape[1] ?? 0;
  }

  get embeddings(): number[][] {
    return JSON.parse(float32RowsJson(this.#data, this.#dimension));
  }

  get embedding(): number[] {
    return this.embeddings[0] ?? [];
  }

  toJsonText(): string {
    const all = float32RowsJson(this.#data, this.#dimension);
    const end = all.indexOf(']') + 1;
    const first = all === '[]' ? all : all.slice(1, end);
    return `{"embeddings":${all},"embedding":${first}}`;
  }

  toJSON(): unknown {
    return JSON.parse(this.toJsonText());
  }
}
