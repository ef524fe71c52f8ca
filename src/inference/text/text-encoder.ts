import { access } from 'node:fs/promises';
import path from 'node:path';
import type { LoadedModel, ModelPackage } from '../backend.ts';
import type { TextInfo } from '../engine.ts';

/** One text as the model takes it. */
export interface TokenizedText {
  readonly ids: readonly number[];
  /** Tokens the model will see, special ones included. */
  readonly length: number;
  /** True when the text was cut at the model's limit. */
  readonly truncated: boolean;
}

export interface EncodeOptions {
  /** Scale vectors to length 1; the model's own setting unless said. */
  readonly normalize?: boolean;
}

/**
 * With whom a text may share a run. `any`: its vector is the same beside whatever text. `own`: it moves with its
 * neighbours, so only texts of one request meet and an answer depends on its own request alone. `none`: the
 * model takes one text at a time.
 */
export type Company = 'any' | 'own' | 'none';

/** A model that takes texts: its own tokenizer, and how its output becomes one vector for each text. */
export interface TextEncoder {
  readonly info: TextInfo;
  readonly company: Company;
  tokenize(texts: readonly string[]): readonly TokenizedText[];
  /**
   * @param units  as `tokenize` made them; texts of like length together waste the least.
   * @returns      float32 `[units, dimension]`, row-major, in the order of `units`.
   * @throws       AppError BACKEND_FAILED, MODEL_RESOURCE
   */
  encodeBatch(units: readonly TokenizedText[], options?: EncodeOptions): Promise<Float32Array>;
}

/** What metadata says in place of the package's own files. */
export interface TextOverrides {
  readonly pooling?: 'mean' | 'cls';
  readonly normalize?: boolean;
  readonly maxTokens?: number;
}

/**
 * The text encoder of a package, from its tokenizer files.
 *
 * @returns undefined when the package brings no tokenizer, so the model takes tensors only.
 * @throws AppError MODEL_MANIFEST when tokenizer files and model do not fit together
 */
export async function openTextEncoder(
  files: ModelPackage,
  model: LoadedModel,
  overrides: TextOverrides = {},
): Promise<TextEncoder | undefined> {
  if (await hasFile(files, 'tokenizer.json')) {
    const { openTransformerEncoder } = await import('./transformer-encoder.ts');
    return openTransformerEncoder(files, model, overrides);
  }
  if (await hasFile(files, 'vocab.json')) {
    const { openSentenceEncoder } = await import('./sentence-encoder.ts');
    return openSentenceEncoder(files, model, overrides);
  }
  return undefined;
}

const hasFile = ({ directory }: ModelPackage, name: string): Promise<boolean> =>
  access(path.join(directory, name)).then(
    () => true,
    () => false,
  );
