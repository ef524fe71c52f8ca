import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { planGroups, runLimits } from '../../src/inference/batching/plan-groups.ts';

/** How texts share runs: as the product plans a large request, or sorted in groups of one size. */
export type Grouping = 'alike' | number;

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
  async embed(texts: readonly string[], grouping: Grouping): Promise<Float32Array[]> {
    const rows = texts.map((text, index) => {
      const { ids } = this.#tokenizer.encode(text);
      return { index, ids, length: ids.length };
    });
    const vectors: Float32Array[] = new Array(texts.length);
    for (const group of grouping === 'alike' ? planGroups(rows, runLimits) : groupsOf(rows, grouping)) {
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

function groupsOf<Row extends { readonly length: number }>(rows: readonly Row[], size: number): Row[][] {
  const sorted = [...rows].sort((a, b) => a.length - b.length);
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, group) =>
    sorted.slice(group * size, (group + 1) * size),
  );
}
