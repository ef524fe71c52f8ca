import { crc32, deflateSync } from 'node:zlib';
import { type TinyGraph, type TinyInitializer, type TinyNode, tinyOnnx } from './tiny-onnx.ts';
import type { TinyFiles } from './tiny-tensorflow.ts';

/** The vocabulary of all tiny models here; a word's place is its token id. */
export const words = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'good',
  'bad',
  'rome',
  'anna',
  'lives',
  'in',
] as const;
export type Word = (typeof words)[number];
export const idOf = (word: Word): number => words.indexOf(word);

const special = (content: string, id: number) => ({
  id,
  content,
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

const token = (id: string, type = 0) => ({ SpecialToken: { id, type_id: type } });

/** Words between white space; `[CLS] a [SEP]` for one text and `[CLS] a [SEP] b [SEP]` for two. */
const tokenizer = JSON.stringify({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: words.slice(0, 5).map(special),
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [token('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]')],
    pair: [
      token('[CLS]'),
      { Sequence: { id: 'A', type_id: 0 } },
      token('[SEP]'),
      { Sequence: { id: 'B', type_id: 1 } },
      token('[SEP]', 1),
    ],
    special_tokens: Object.fromEntries(
      ['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [words.indexOf(id as Word)], tokens: [id] }]),
    ),
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
  model: {
    type: 'WordLevel',
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    unk_token: '[UNK]',
  },
});

const tokenizerConfig = JSON.stringify({
  tokenizer_class: 'PreTrainedTokenizer',
  model_max_length: 16,
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
  chat_template: '{% for message in messages %}{{ message.content }}{% endfor %}',
});

export const tokenizerFiles: TinyFiles = { 'tokenizer.json': tokenizer, 'tokenizer_config.json': tokenizerConfig };

/** Numbers by word, all others zero. */
export type Table = Partial<Record<Word, readonly number[]>>;

const labelsOf = (labels: readonly string[]) => ({
  id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
  label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
});

/** `[words, columns]`: a row for each word. */
const tableOf = (name: string, table: Table, columns: number): TinyInitializer => ({
  name,
  dtype: 'float32',
  shape: [words.length, columns],
  values: words.flatMap((word) => table[word] ?? new Array<number>(columns).fill(0)),
});

const textInputs: TinyGraph['inputs'] = ['input_ids', 'attention_mask'].map((name) => ({
  name,
  dtype: 'int64',
  shape: ['batch', 'sequence'],
}));

const axes = (name: string, ...values: number[]): TinyInitializer => ({
  name,
  dtype: 'int64',
  shape: [values.length],
  values,
});

const look = (table: string, output: string): TinyNode => ({
  op: 'Gather',
  inputs: [table, 'input_ids'],
  outputs: [output],
});

const packageOf = (config: object, graph: Uint8Array, more: TinyFiles = tokenizerFiles): TinyFiles => ({
  'onnx/model.onnx': graph,
  'config.json': JSON.stringify(config),
  ...more,
});

/** A text's logits are the sum of its tokens' rows. */
export const sequenceClassifier = (labels: readonly string[], table: Table, more: object = {}): TinyFiles =>
  packageOf(
    { architectures: ['BertForSequenceClassification'], model_type: 'bert', ...labelsOf(labels), ...more },
    tinyOnnx({
      inputs: textInputs,
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', labels.length] }],
      nodes: [
        look('table', 'rows'),
        { op: 'ReduceSum', inputs: ['rows', 'one'], outputs: ['logits'], attributes: { keepdims: 0 } },
      ],
      initializers: [tableOf('table', table, labels.length), axes('one', 1)],
    }),
  );

/** A token's logits are its row. */
export const tokenClassifier = (labels: readonly string[], table: Table): TinyFiles =>
  packageOf(
    { architectures: ['BertForTokenClassification'], model_type: 'bert', ...labelsOf(labels) },
    tinyOnnx({
      inputs: textInputs,
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', labels.length] }],
      nodes: [look('table', 'logits')],
      initializers: [tableOf('table', table, labels.length)],
    }),
  );

/** Each place's logits over the vocabulary are its token's row and the rows of all tokens of the text. */
export const maskFiller = (table: Table): TinyFiles =>
  packageOf(
    { architectures: ['BertForMaskedLM'], model_type: 'bert' },
    tinyOnnx({
      inputs: textInputs,
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', words.length] }],
      nodes: [
        look('table', 'rows'),
        { op: 'ReduceSum', inputs: ['rows', 'one'], outputs: ['sum'], attributes: { keepdims: 1 } },
        { op: 'Add', inputs: ['rows', 'sum'], outputs: ['logits'] },
      ],
      initializers: [tableOf('table', table, words.length), axes('one', 1)],
    }),
  );

/** Tokens that begin an answer, and those that end one, have these logits. */
export const answerFinder = (begins: Table, ends: Table): TinyFiles =>
  packageOf(
    { architectures: ['BertForQuestionAnswering'], model_type: 'bert' },
    tinyOnnx({
      inputs: textInputs,
      outputs: ['start_logits', 'end_logits'].map((name) => ({ name, dtype: 'float32', shape: ['batch', 'sequence'] })),
      nodes: ['start', 'end'].flatMap((name): TinyNode[] => [
        look(name, `${name}_rows`),
        { op: 'Squeeze', inputs: [`${name}_rows`, 'last'], outputs: [`${name}_logits`] },
      ]),
      initializers: [tableOf('start', begins, 1), tableOf('end', ends, 1), axes('last', 2)],
    }),
  );

/** After each word comes the word with the largest number in its row; nothing is remembered between tokens. */
export const textGenerator = (table: Table): TinyFiles =>
  packageOf(
    { architectures: ['GPT2LMHeadModel'], model_type: 'gpt2', n_head: 1, n_layer: 0, n_embd: 1, eos_token_id: 3 },
    tinyOnnx({
      inputs: textInputs,
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', words.length] }],
      nodes: [look('table', 'logits')],
      initializers: [tableOf('table', table, words.length)],
    }),
  );

/** As `textGenerator`, in two files; the encoder's part is only that it is there. */
export const translator = (table: Table): TinyFiles => ({
  'onnx/encoder_model.onnx': tinyOnnx({
    inputs: textInputs,
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', shape: ['batch', 'sequence', 1] }],
    nodes: [look('table', 'last_hidden_state')],
    initializers: [tableOf('table', {}, 1)],
  }),
  'onnx/decoder_model_merged_quantized.onnx': tinyOnnx({
    inputs: [
      { name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] },
      { name: 'encoder_hidden_states', dtype: 'float32', shape: ['batch', 'words', 1] },
    ],
    outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', words.length] }],
    nodes: [look('table', 'logits')],
    initializers: [tableOf('table', table, words.length)],
  }),
  'config.json': JSON.stringify({
    architectures: ['T5ForConditionalGeneration'],
    model_type: 't5',
    is_encoder_decoder: true,
    decoder_start_token_id: idOf('[CLS]'),
    eos_token_id: idOf('[SEP]'),
    pad_token_id: idOf('[PAD]'),
    num_layers: 0,
    num_decoder_layers: 0,
    num_heads: 1,
    d_kv: 1,
  }),
  ...tokenizerFiles,
});

/** Logits are the mean sample times the weights. */
export const soundClassifier = (labels: readonly string[], weights: readonly number[]): TinyFiles =>
  packageOf(
    { architectures: ['Wav2Vec2ForSequenceClassification'], model_type: 'wav2vec2', ...labelsOf(labels) },
    tinyOnnx({
      inputs: [{ name: 'input_values', dtype: 'float32', shape: ['batch', 'samples'] }],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', labels.length] }],
      nodes: [
        { op: 'ReduceMean', inputs: ['input_values'], outputs: ['mean'], attributes: { axes: [1], keepdims: 1 } },
        { op: 'MatMul', inputs: ['mean', 'weights'], outputs: ['logits'] },
      ],
      initializers: [{ name: 'weights', dtype: 'float32', shape: [1, labels.length], values: weights }],
    }),
    {
      'preprocessor_config.json': JSON.stringify({
        feature_extractor_type: 'Wav2Vec2FeatureExtractor',
        do_normalize: false,
        sampling_rate: 16_000,
      }),
    },
  );

/** Token vectors `[batch, sequence, 2]`. */
export const encoder = (table: Table): TinyFiles =>
  packageOf(
    { architectures: ['BertModel'], model_type: 'bert' },
    tinyOnnx({
      inputs: textInputs,
      outputs: [{ name: 'last_hidden_state', dtype: 'float32', shape: ['batch', 'sequence', 2] }],
      nodes: [look('table', 'last_hidden_state')],
      initializers: [tableOf('table', table, 2)],
    }),
  );

/** Logits are the mean of red, green and blue (0 to 1) times `weights` `[3, labels]`. */
export const imageClassifier = (labels: readonly string[], weights: readonly number[]): TinyFiles =>
  packageOf(
    { architectures: ['ViTForImageClassification'], model_type: 'vit', ...labelsOf(labels) },
    tinyOnnx({
      inputs: [{ name: 'pixel_values', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] }],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', labels.length] }],
      nodes: [
        { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['mean'], attributes: { axes: [2, 3], keepdims: 0 } },
        { op: 'MatMul', inputs: ['mean', 'weights'], outputs: ['logits'] },
      ],
      initializers: [{ name: 'weights', dtype: 'float32', shape: [3, labels.length], values: weights }],
    }),
    {
      'preprocessor_config.json': JSON.stringify({
        image_processor_type: 'ViTImageProcessor',
        do_resize: true,
        size: { height: 4, width: 4 },
        do_rescale: true,
        rescale_factor: 1 / 255,
        do_normalize: false,
      }),
    },
  );

/** A PNG of one colour. */
export function png(width: number, height: number, rgb: readonly [number, number, number]): Buffer {
  const row = Buffer.concat([Buffer.of(0), ...Array.from({ length: width }, () => Buffer.of(...rgb))]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const mark = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([mark, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** Shares that sum to 1. */
export function softmax(logits: readonly number[]): number[] {
  const powers = logits.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
