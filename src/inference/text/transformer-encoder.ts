import { AppError } from '../../errors.ts';
import { normalizeRows } from '../../lib/normalize-rows.ts';
import type { Tensor } from '../../lib/tensor.ts';
import type { LoadedModel, ModelPackage } from '../backend.ts';
import type { TextInfo } from '../engine.ts';
import { poolTokens } from './pooling.ts';
import type { Company, EncodeOptions, TextEncoder, TextOverrides, TokenizedText } from './text-encoder.ts';
import { readTextSettings } from './text-settings.ts';
import { checkTextInputs, inputWidth, tokenBatch, vectorOutput } from './transformer-tensors.ts';
import { openTransformerTokenizer, type TransformerTokenizer } from './transformer-tokenizer.ts';

/** Texts of unlike length and kind, which need padding beside each other. */
const probes = [
  '',
  'hello',
  'The quick brown fox jumps over the lazy dog near the river bank, 12 times.',
  '東京は日本の首都です。',
];
/** Largest difference in a vector of length 1; sums in another order give 1e-6, quantisation by batch 1e-2. */
const probeTolerance = 1e-3;

/**
 * A transformer encoder from the files of a Hugging Face folder: `tokenizer.json` beside the model.
 *
 * @returns undefined when the model is no encoder of texts into vectors, a classifier for one.
 * @throws AppError MODEL_MANIFEST
 */
export async function openTransformerEncoder(
  files: ModelPackage,
  model: LoadedModel,
  overrides: TextOverrides,
): Promise<TextEncoder | undefined> {
  const output = vectorOutput(model.outputs);
  if (!output || !model.inputs.some(({ name }) => name === 'input_ids')) return undefined;
  checkTextInputs(model.inputs);
  const read = await readTextSettings(files, overrides);
  const settings = { ...read, maxTokens: Math.min(read.maxTokens, inputWidth(model.inputs)) };
  const tokenizer = await openTransformerTokenizer(files, settings.maxTokens);
  const pooling = output.shape.length === 2 ? 'model' : settings.pooling;
  const embed = embedderOf(model, tokenizer.padId, output.name, pooling);
  const declared = output.shape.at(-1) ?? -1;
  // Where the file leaves the size of a vector open, the model is asked.
  const dimension = declared > 0 ? declared : (await embed([tokenizer.tokenize('a')])).length;
  return makeTransformerEncoder({ info: { ...settings, pooling, dimension }, tokenizer, embed });
}

/** Units to pooled vectors `[units, dimension]`, in memory of their own. */
type Embedder = (units: readonly TokenizedText[]) => Promise<Float32Array>;

export interface EncoderParts {
  readonly info: TextInfo;
  readonly tokenizer: TransformerTokenizer;
  readonly embed: Embedder;
}

/** An encoder of its parts, once it is known with whom a text may share a run. */
export async function makeTransformerEncoder(parts: EncoderParts): Promise<TextEncoder> {
  const encoder = new TransformerEncoder(parts);
  await encoder.findCompany();
  return encoder;
}

function embedderOf(model: LoadedModel, padId: number, output: string, pooling: TextInfo['pooling']): Embedder {
  return async (units) => {
    const outputs = await model.predict(tokenBatch(model.inputs, units, padId));
    const { data, shape } = outputs[output] as Tensor;
    const rows = data as Float32Array;
    if (pooling === 'model') return rows.slice();
    const lengths = units.map(({ length }) => length);
    return poolTokens(pooling, rows, lengths, shape[1] as number, shape[2] as number);
  };
}

class TransformerEncoder implements TextEncoder {
  readonly info: TextInfo;
  readonly #tokenizer: TransformerTokenizer;
  readonly #embed: Embedder;
  #company: Company = 'any';

  constructor({ info, tokenizer, embed }: EncoderParts) {
    this.info = info;
    this.#tokenizer = tokenizer;
    this.#embed = embed;
  }

  get company(): Company {
    return this.#company;
  }

  tokenize(texts: readonly string[]): readonly TokenizedText[] {
    return texts.map((text) => this.#tokenizer.tokenize(text));
  }

  async encodeBatch(
    units: readonly TokenizedText[],
    { normalize = this.info.normalize }: EncodeOptions = {},
  ): Promise<Float32Array> {
    const vectors = await this.#embed(units);
    if (normalize) normalizeRows(vectors, this.info.dimension);
    return vectors;
  }

  /**
   * Finds out whether a text gets the same vector beside others as alone. It does not where activations are
   * quantised by the range of the whole batch: int8 MiniLM moves an empty text to cosine 0.96 of its own vector.
   */
  async findCompany(): Promise<void> {
    const units = this.tokenize(probes);
    try {
      const [together, apart] = [await this.encodeBatch(units, { normalize: true }), await this.#runEach(units)];
      normalizeRows(apart, this.info.dimension);
      const alike = together.every((value, index) => Math.abs(value - (apart[index] as number)) <= probeTolerance);
      this.#company = alike ? 'any' : 'own';
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'MODEL_RESOURCE') throw error;
      // Exported for a batch of one.
      this.#company = 'none';
    }
  }

  async #runEach(units: readonly TokenizedText[]): Promise<Float32Array> {
    const { dimension } = this.info;
    const vectors = new Float32Array(units.length * dimension);
    for (const [row, unit] of units.entries()) vectors.set(await this.#embed([unit]), row * dimension);
    return vectors;
  }
}
