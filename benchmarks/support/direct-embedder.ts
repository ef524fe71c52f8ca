import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/**
 * Texts to unit vectors with nothing between: tokenizer, ONNX Runtime on one thread, mean over the tokens. Written
 * apart from the product's own code, so that it can be its judge.
 */
export class DirectEmbedder {
  readonly #tokenizer: Tokenizer;
  readonly #session: InferenceSession;

  private constructor(tokenizer: Tokenizer, session: InferenceSession) {
    this.#tokenizer = tokenizer;
    this.#session = session;
  }

  /** @param folder  all-minilm-l6-v2, unpacked */
  static async open(folder: string): Promise<DirectEmbedder> {
    const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'));
    const tokenizer = new Tokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'));
    const session = await InferenceSession.create(join(folder, 'onnx', 'model_quantized.onnx'), {
      executionMode: 'sequential',
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    return new DirectEmbedder(tokenizer, session);
  }

  /** Vectors in the order of the texts, run in groups of like length. */
  async embed(texts: readonly string[], groupSize: number): Promise<Float32Array[]> {
    const rows = texts.map((text, index) => ({ index, ids: this.#tokenizer.encode(text).ids }));
    rows.sort((a, b) => a.ids.length - b.ids.length);
    const vectors: Float32Array[] = new Array(texts.length);
    for (let start = 0; start < rows.length; start += groupSize) {
      const group = rows.slice(start, start + groupSize);
      const found = await this.#run(group.map(({ ids }) => ids));
      for (const [position, { index }] of group.entries()) vectors[index] = found[position] as Float32Array;
    }
    return vectors;
  }

  async #run(group: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const width = Math.max(...group.map(({ length }) => length));
    const shape = [group.length, width];
    const ids = new BigInt64Array(group.length * width);
    const mask = new BigInt64Array(group.length * width);
    for (const [row, tokens] of group.entries()) {
      for (const [column, id] of tokens.entries()) {
        ids[row * width + column] = BigInt(id);
        mask[row * width + column] = 1n;
      }
    }
    const { last_hidden_state: hidden } = await this.#session.run({
      input_ids: new Tensor('int64', ids, shape),
      attention_mask: new Tensor('int64', mask, shape),
      token_type_ids: new Tensor('int64', new BigInt64Array(ids.length), shape),
    });
    const [, , dimension = 0] = hidden?.dims ?? [];
    const data = hidden?.data as Float32Array;
    return group.map(({ length }, row) => unitMean(data.subarray(row * width * dimension), length, dimension));
  }
}

function unitMean(tokens: Float32Array, count: number, dimension: number): Float32Array {
  const mean = new Float32Array(dimension);
  for (let token = 0; token < count; token++) {
    for (let i = 0; i < dimension; i++) mean[i] = (mean[i] as number) + (tokens[token * dimension + i] as number);
  }
  const length = Math.hypot(...mean);
  return mean.map((value) => value / length);
}
