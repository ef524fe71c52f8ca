import { type TinyNode, tinyOnnx } from './tiny-onnx.ts';

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'one', 'two', 'three', 'four'];

const special = (content: string) => ({
  id: words.indexOf(content),
  content,
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

/** A tokenizer of four words; like many real files it asks for padding and truncation. */
export const tinyTokenizer = (type: 'WordPiece' | 'WordLevel' = 'WordPiece'): string =>
  JSON.stringify({
    version: '1.0',
    truncation: { max_length: 3, strategy: 'LongestFirst', stride: 0, direction: 'Right' },
    padding: { strategy: { Fixed: 64 }, direction: 'Right', pad_id: 0, pad_type_id: 0, pad_token: '[PAD]' },
    added_tokens: words.slice(0, 4).map(special),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: null,
    model: {
      type,
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  });

/** Token `id` has the vector `[id, 1]`, padding `[1000, 1000]`, which shows in any mean that counts it. */
const table = words.flatMap((_, id) => (id === 0 ? [1000, 1000] : [id, 1]));

export interface TinyTextModel {
  /** `tokens`: last_hidden_state `[batch, sequence, 2]`; `sentence`: sentence_embedding `[batch, 2]`; `logits`: a classifier's. */
  readonly output?: 'tokens' | 'sentence' | 'logits';
  readonly ids?: 'int64' | 'int32';
  readonly extraInputs?: readonly string[];
  /** A fixed sequence length. */
  readonly width?: number;
}

/** An encoder that looks token vectors up. */
export function tinyTextOnnx({
  output = 'tokens',
  ids = 'int64',
  extraInputs = [],
  width,
}: TinyTextModel = {}): Uint8Array {
  const shape = ['batch', width ?? 'sequence'];
  const look: TinyNode = { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['hidden'] };
  const name = { tokens: 'last_hidden_state', sentence: 'sentence_embedding', logits: 'logits' }[output];
  const end: TinyNode =
    output === 'tokens'
      ? { op: 'Identity', inputs: ['hidden'], outputs: [name] }
      : { op: 'ReduceMax', inputs: ['hidden'], outputs: [name], attributes: { axes: [1], keepdims: 0 } };
  return tinyOnnx({
    inputs: ['input_ids', 'attention_mask', ...extraInputs].map((input) => ({ name: input, dtype: ids, shape })),
    outputs: [{ name, dtype: 'float32', shape: output === 'tokens' ? [...shape, 2] : ['batch', 2] }],
    nodes: [look, end],
    initializers: [{ name: 'table', dtype: 'float32', shape: [words.length, 2], values: table }],
  });
}
