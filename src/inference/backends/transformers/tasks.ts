import { z } from 'zod';
import type { FeatureSpec } from '../../../registry/model-schema.ts';

/** What a pipeline reads, before its options. */
export type TaskInput = 'texts' | 'images' | 'audio' | 'question' | 'document';

/** A pipeline of the library, and the features it takes beside its input. */
export interface TaskRule {
  readonly input: TaskInput;
  /** Options that callers may set; all others are refused. */
  readonly options: z.ZodObject;
  /** Whether it needs `candidate_labels`. */
  readonly labels?: true;
  /** Whether it generates text, and so heeds generation options. */
  readonly generates?: true;
  /** Whether its answers are labels with scores, best first. */
  readonly scores?: true;
  /** Files without which it cannot work. */
  readonly needs: readonly string[];
}

const count = (most: number) => z.number().int().min(1).max(most);
/** How many of the best answers; null for all. */
const best = count(1000).nullable();
const share = z.number().min(0).max(1);
const label = z.string().min(1).max(256);
const template = z.string().max(1024).includes('{}');

/** Settings of `generate`; a run ends after 1,024 tokens at the latest. */
const generation = {
  max_new_tokens: count(1024),
  min_new_tokens: count(1024),
  do_sample: z.boolean(),
  temperature: z.number().positive().max(10),
  top_k: z.number().int().min(0).max(1000),
  top_p: z.number().positive().max(1),
  repetition_penalty: z.number().positive().max(10),
  no_repeat_ngram_size: z.number().int().min(0).max(16),
};
const language = { src_lang: z.string().max(32), tgt_lang: z.string().max(32) };

const options = (shape: z.core.$ZodLooseShape) => z.strictObject(shape as z.ZodRawShape).partial();
const tokenizer = ['tokenizer.json', 'tokenizer_config.json'];
const images = ['preprocessor_config.json'];

/** Every pipeline of Transformers.js 4.3 by its name. */
export const tasks = {
  'feature-extraction': { input: 'texts', options: options({}), needs: tokenizer },
  'text-classification': { input: 'texts', options: options({ top_k: best }), scores: true, needs: tokenizer },
  'token-classification': {
    input: 'texts',
    options: options({ ignore_labels: z.array(label).max(100), aggregation_strategy: z.enum(['none', 'simple']) }),
    needs: tokenizer,
  },
  'fill-mask': { input: 'texts', options: options({ top_k: count(1000) }), needs: tokenizer },
  'question-answering': { input: 'question', options: options({ top_k: count(100) }), needs: tokenizer },
  'zero-shot-classification': {
    input: 'texts',
    labels: true,
    options: options({ hypothesis_template: template, multi_label: z.boolean() }),
    scores: true,
    needs: tokenizer,
  },
  summarization: { input: 'texts', generates: true, options: options(generation), needs: tokenizer },
  translation: { input: 'texts', generates: true, options: options({ ...generation, ...language }), needs: tokenizer },
  'text2text-generation': { input: 'texts', generates: true, options: options(generation), needs: tokenizer },
  'text-generation': {
    input: 'texts',
    generates: true,
    options: options({ ...generation, return_full_text: z.boolean() }),
    needs: tokenizer,
  },
  'text-to-audio': {
    input: 'texts',
    options: options({
      // The library would take a text for an address and fetch it.
      speaker_embeddings: z
        .array(z.number())
        .min(1)
        .max(100_000)
        .transform((numbers) => Float32Array.from(numbers)),
      num_inference_steps: count(100),
      speed: z.number().positive().max(10),
    }),
    needs: tokenizer,
  },
  'image-classification': { input: 'images', options: options({ top_k: best }), scores: true, needs: images },
  'image-segmentation': {
    input: 'images',
    options: options({ threshold: share, mask_threshold: share, overlap_mask_area_threshold: share }),
    needs: images,
  },
  'background-removal': { input: 'images', options: options({}), needs: images },
  'object-detection': {
    input: 'images',
    options: options({ threshold: share, percentage: z.boolean() }),
    needs: images,
  },
  'depth-estimation': { input: 'images', options: options({}), needs: images },
  'image-to-image': { input: 'images', options: options({}), needs: images },
  'image-to-text': { input: 'images', generates: true, options: options(generation), needs: [...tokenizer, ...images] },
  'image-feature-extraction': { input: 'images', options: options({ pool: z.boolean() }), needs: images },
  'zero-shot-image-classification': {
    input: 'images',
    labels: true,
    options: options({ hypothesis_template: template }),
    scores: true,
    needs: [...tokenizer, ...images],
  },
  'zero-shot-object-detection': {
    input: 'images',
    labels: true,
    options: options({ threshold: share, top_k: best, percentage: z.boolean() }),
    needs: [...tokenizer, ...images],
  },
  'document-question-answering': {
    input: 'document',
    generates: true,
    options: options(generation),
    needs: [...tokenizer, ...images],
  },
  'audio-classification': { input: 'audio', options: options({ top_k: best }), scores: true, needs: images },
  'zero-shot-audio-classification': {
    input: 'audio',
    labels: true,
    options: options({ hypothesis_template: template }),
    scores: true,
    needs: [...tokenizer, ...images],
  },
  'automatic-speech-recognition': {
    input: 'audio',
    options: options({
      max_new_tokens: count(1024),
      language: z.string().max(32),
      task: z.enum(['transcribe', 'translate']),
      return_timestamps: z.union([z.boolean(), z.literal('word')]),
      chunk_length_s: z.number().min(0).max(60),
      stride_length_s: z.number().min(0).max(30),
    }),
    needs: [...tokenizer, ...images],
  },
} as const satisfies Record<string, TaskRule>;

export type Task = keyof typeof tasks;

const fieldsOfInput: Readonly<Record<TaskInput, readonly FeatureSpec[]>> = {
  texts: [{ name: 'texts', type: 'array' }],
  images: [{ name: 'images', type: 'array' }],
  audio: [{ name: 'audio', type: 'array' }],
  question: [
    { name: 'question', type: 'string' },
    { name: 'context', type: 'string' },
  ],
  document: [
    { name: 'image', type: 'string' },
    { name: 'question', type: 'string' },
  ],
};

/** What a task takes, in the words of a model's schema. */
export const inputFields = (task: Task): readonly FeatureSpec[] => {
  const { input, labels } = ruleOf(task);
  return [...fieldsOfInput[input], ...(labels ? [{ name: 'candidate_labels', type: 'array' }] : [])];
};
export const ruleOf = (task: Task): TaskRule => tasks[task];
