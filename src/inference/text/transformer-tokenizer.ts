import { AppError } from '../../errors.ts';
import type { ModelPackage } from '../backend.ts';
import { readPackageJson, readPackageObject } from './package-json.ts';
import type { TokenizedText } from './text-encoder.ts';

/** Characters of a text that are read first, for each token of the limit; English has about four. */
const charactersPerToken = 16;

/** What is used of a tokenizer, whichever library it comes from. */
export interface TokenEncoder {
  encode(text: string, options?: { readonly add_special_tokens?: boolean }): { readonly ids: readonly number[] };
  token_to_id(token: string): number | undefined;
}

/** Texts to ids as `tokenizer.json` says, special tokens included. Padding and truncation written there are ignored. */
export class TransformerTokenizer {
  readonly padId: number;
  readonly #tokenizer: TokenEncoder;
  readonly #maxTokens: number;
  readonly #prefix: number;
  readonly #suffix: number;

  readonly #unknownId: number | undefined;

  constructor(
    tokenizer: TokenEncoder,
    tokens: { readonly pad?: string | undefined; readonly unknown?: string | undefined },
    maxTokens: number,
  ) {
    this.#tokenizer = tokenizer;
    this.#maxTokens = maxTokens;
    const idOf = (token: string | undefined) => (token === undefined ? undefined : tokenizer.token_to_id(token));
    this.padId = idOf(tokens.pad) ?? 0;
    this.#unknownId = idOf(tokens.unknown);
    // An empty text is nothing but special tokens; where a text would stand shows in a text of one word.
    const special = this.#ids('').length;
    const plain = tokenizer.encode('a', { add_special_tokens: false }).ids;
    this.#prefix = Math.max(this.#ids('a').indexOf(plain[0] ?? -1), 0);
    this.#suffix = Math.max(special - this.#prefix, 0);
    if (special >= maxTokens) {
      const message = `Expected a limit above the ${special} special tokens of each text, came ${maxTokens}; raise max_sequence_length`;
      throw new AppError('MODEL_MANIFEST', message);
    }
  }

  tokenize(text: string): TokenizedText {
    const limit = this.#maxTokens;
    const ids = this.#ids(text, limit);
    if (ids.length <= limit) return { ids, length: ids.length, truncated: false };
    // Specials around the text stay, so the cut is made inside it.
    const kept = [...ids.slice(0, limit - this.#suffix), ...ids.slice(ids.length - this.#suffix)];
    return { ids: kept, length: limit, truncated: true };
  }

  /**
   * Ids of a text, or of so much of it as shows that it exceeds the limit: a megabyte of text costs no more than
   * the tokens that are kept. It is only ever cut at white space, where tokens end too.
   */
  #ids(text: string, limit = Number.POSITIVE_INFINITY): readonly number[] {
    for (let length = limit * charactersPerToken; length < text.length; length *= 4) {
      const end = lastSpaceBefore(text, length);
      const ids = end > 0 ? this.#encode(text.slice(0, end)) : [];
      // One more than the limit, since the last token before a cut may depend on what follows.
      if (ids.length > limit + 1) return ids;
    }
    return this.#encode(text);
  }

  /** Word-level tokenizers leave a hole where a word is unknown. */
  #encode(text: string): readonly number[] {
    const ids: readonly (number | undefined)[] = this.#tokenizer.encode(text).ids;
    return ids.includes(undefined) ? ids.flatMap((id) => id ?? this.#unknownId ?? []) : (ids as readonly number[]);
  }
}

function lastSpaceBefore(text: string, length: number): number {
  for (let end = length; end > length / 2; end--) if (text[end] === ' ' || text[end] === '\n') return end;
  return 0;
}

/** @throws AppError MODEL_MANIFEST when tokenizer.json holds no tokenizer that is known */
export async function openTransformerTokenizer(files: ModelPackage, maxTokens: number): Promise<TransformerTokenizer> {
  const json = await readPackageJson(files, 'tokenizer.json');
  const config = await readPackageObject(files, 'tokenizer_config.json');
  const { Tokenizer } = await import('@huggingface/tokenizers');
  let tokenizer: InstanceType<typeof Tokenizer>;
  try {
    tokenizer = new Tokenizer(json as object, config);
    tokenizer.encode('a');
  } catch (cause) {
    throw new AppError(
      'MODEL_MANIFEST',
      'Expected a tokenizer in tokenizer.json that Hugging Face tokenizers can read, but it was refused; save the tokenizer again',
      { cause },
    );
  }
  const { unk_token: unknown } = (json as { model?: { unk_token?: unknown } }).model ?? {};
  const tokens = { pad: tokenText(config.pad_token), unknown: tokenText(unknown) ?? tokenText(config.unk_token) };
  return new TransformerTokenizer(tokenizer, tokens, maxTokens);
}

/** A token stands there as text, or as an object that holds it. */
const tokenText = (token: unknown): string | undefined =>
  typeof token === 'string' ? token : (token as { content?: string } | null | undefined)?.content;
