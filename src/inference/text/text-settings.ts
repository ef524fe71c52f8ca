import type { ModelPackage } from '../backend.ts';
import { type JsonObject, readPackageObject } from './package-json.ts';
import type { TextOverrides } from './text-encoder.ts';

export interface TextSettings {
  readonly maxTokens: number;
  readonly pooling: 'mean' | 'cls';
  readonly normalize: boolean;
}

/** Nothing in the package says a limit: what most encoders were trained with. */
const usualLimit = 512;
/** `model_max_length` is 1e30 where a tokenizer knows no limit. */
const largestLimit = 1_000_000;

/**
 * How a package's own files, and metadata above them, say that texts become vectors. The limit is the first
 * found of metadata, `sentence_bert_config.json`, `tokenizer_config.json` and `config.json`.
 */
export async function readTextSettings(files: ModelPackage, overrides: TextOverrides): Promise<TextSettings> {
  const [sentence, tokenizer, config, pooling] = await Promise.all(
    ['sentence_bert_config.json', 'tokenizer_config.json', 'config.json', '1_Pooling/config.json'].map((name) =>
      readPackageObject(files, name),
    ),
  );
  const limits = [
    overrides.maxTokens,
    sentence?.max_seq_length,
    tokenizer?.model_max_length,
    positionsOf(config ?? {}),
  ];
  return {
    maxTokens: limits.find(isLimit) ?? usualLimit,
    pooling: overrides.pooling ?? (pooling?.pooling_mode_cls_token === true ? 'cls' : 'mean'),
    normalize: overrides.normalize ?? true,
  };
}

const isLimit = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= largestLimit;

/** RoBERTa and its kin count positions from behind the padding id, so two of theirs are never used. */
function positionsOf({ max_position_embeddings: positions, model_type: type }: JsonObject): unknown {
  const offset = ['roberta', 'xlm-roberta', 'camembert', 'mpnet'].includes(String(type)) ? 2 : 0;
  return typeof positions === 'number' ? positions - offset : positions;
}
