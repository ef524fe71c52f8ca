import { float32RowsJson } from '../../lib/float32-json.ts';
import type { Tensor } from '../../lib/tensor.ts';

const closeBracket = 93;

/**
 * Vectors `[texts, dimension]` as the API shows them: `embeddings` holds all of them, `embedding` the first,
 * or nothing when there was no text. The vectors are turned into JSON straight from memory.
 */
export class Embeddings {
  readonly #data: Float32Array;
  readonly #dimension: number;
  #json: Buffer | undefined;

  constructor(vectors: Tensor) {
    this.#data = vectors.data as Float32Array;
    this.#dimension = vectors.shape[1] ?? 0;
  }

  get embeddings(): number[][] {
    return this.toJSON().embeddings;
  }

  get embedding(): number[] {
    return this.toJSON().embedding;
  }

  /** JSON in ASCII, made once. */
  toJsonBytes(): Buffer {
    this.#json ??= this.#encode();
    return this.#json;
  }

  toJSON(): { embeddings: number[][]; embedding: number[] } {
    return JSON.parse(this.toJsonBytes().toString('latin1'));
  }

  #encode(): Buffer {
    const all = float32RowsJson(this.#data, this.#dimension);
    const isEmpty = this.#data.length === 0;
    const first = isEmpty ? '[]' : all.subarray(1, all.indexOf(closeBracket) + 1);
    return Buffer.concat([text('{"embeddings":'), all, text(',"embedding":'), text(first), text('}')]);
  }
}

const text = (part: string | Buffer): Buffer => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
