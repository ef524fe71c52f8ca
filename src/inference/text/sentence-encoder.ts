import type { Tokenizer } from '@tensorflow-models/universal-sentence-encoder/dist/tokenizer/index.js';
import { AppError } from '../../errors.ts';
import { normalizeRows } from '../../lib/normalize-rows.ts';
import type { Tensor } from '../../lib/tensor.ts';
import type { LoadedModel, ModelPackage } from '../backend.ts';
import type { TextInfo } from '../engine.ts';
import { readPackageJson } from './package-json.ts';
import { readStoredInteger } from './stored-weight.ts';
import type { EncodeOptions, TextEncoder, TextOverrides, TokenizedText } from './text-encoder.ts';

/** A score may be absent: the published file has some that JSON could not hold, and the tokenizer counts them as 0. */
type Vocabulary = [piece: string, score: number | null][];

/** Where the lite encoder keeps the length at which it clips a text by itself, and what that is in the published one. */
const clipWeight = /ClipToMaxLength\/Less\/y$/;
const usualClip = 128;
/** Characters read for each token of the limit; the tokenizer's time grows with the square of a text. */
const charactersPerToken = 64;

/**
 * The Universal Sentence Encoder (lite): `vocab.json` beside a graph that takes all texts' ids in one list
 * `values`, and for each its place `[text, position]` in `indices`.
 *
 * @returns undefined when the model has other inputs, so `vocab.json` is something else.
 * @throws AppError MODEL_MANIFEST
 */
export async function openSentenceEncoder(
  files: ModelPackage,
  model: LoadedModel,
  overrides: TextOverrides,
): Promise<TextEncoder | undefined> {
  const names = model.inputs.map(({ name }) => name).sort();
  const output = model.outputs.find(({ dtype, shape }) => dtype === 'float32' && shape.length === 2);
  if (names.join() !== 'indices,values' || !output) return undefined;
  const vocabulary = await readPackageJson(files, 'vocab.json');
  if (!isVocabulary(vocabulary)) {
    throw new AppError(
      'MODEL_MANIFEST',
      'Expected a list of [piece, score] in vocab.json, came something else; upload the vocabulary of this encoder',
    );
  }
  // Addressed by file, since the package's main module would load its whole copy of the model code.
  const { Tokenizer } = await import('@tensorflow-models/universal-sentence-encoder/dist/tokenizer/index.js');
  const clip = (await readStoredInteger(files, clipWeight)) ?? usualClip;
  const info: TextInfo = {
    dimension: output.shape[1] as number,
    maxTokens: Math.min(overrides.maxTokens ?? clip, clip),
    pooling: 'model',
    normalize: overrides.normalize ?? true,
  };
  const blank = vocabulary.findIndex(([piece]) => piece === '▁');
  return new SentenceEncoder(model, new Tokenizer(vocabulary as never), info, output.name, Math.max(blank, 0));
}

const isVocabulary = (json: unknown): json is Vocabulary =>
  Array.isArray(json) &&
  json.every(
    (entry) =>
      Array.isArray(entry) && typeof entry[0] === 'string' && (typeof entry[1] === 'number' || entry[1] === null),
  );

class SentenceEncoder implements TextEncoder {
  readonly info: TextInfo;
  readonly company = 'any';
  readonly #model: LoadedModel;
  readonly #tokenizer: Tokenizer;
  readonly #output: string;
  /** Stands for an empty text: the graph has no row for one without tokens. */
  readonly #blank: number;

  constructor(model: LoadedModel, tokenizer: Tokenizer, info: TextInfo, output: string, blank: number) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.info = info;
    this.#output = output;
    this.#blank = blank;
  }

  tokenize(texts: readonly string[]): readonly TokenizedText[] {
    const { maxTokens } = this.info;
    const maxCharacters = maxTokens * charactersPerToken;
    return texts.map((text) => {
      // Compatibility forms can grow, so the length is checked before and after.
      const normal = text.slice(0, maxCharacters).normalize('NFKC');
      const ids = this.#tokenizer.encode(normal.slice(0, maxCharacters));
      const kept = ids.length === 0 ? [this.#blank] : ids.slice(0, maxTokens);
      const truncated = ids.length > maxTokens || text.length > maxCharacters || normal.length > maxCharacters;
      return { ids: kept, length: kept.length, truncated };
    });
  }

  async encodeBatch(
    units: readonly TokenizedText[],
    { normalize = this.info.normalize }: EncodeOptions = {},
  ): Promise<Float32Array> {
    const values = Int32Array.from(units.flatMap(({ ids }) => ids));
    const indices = Int32Array.from(units.flatMap(({ ids }, text) => ids.flatMap((_, position) => [text, position])));
    const outputs = await this.#model.predict({
      indices: { dtype: 'int32', shape: [values.length, 2], data: indices },
      values: { dtype: 'int32', shape: [values.length], data: values },
    });
    const vectors = ((outputs[this.#output] as Tensor).data as Float32Array).slice();
    if (normalize) normalizeRows(vectors, this.info.dimension);
    return vectors;
  }
}
