import { z } from 'zod';
import type { GenerationOptions } from '../inference/backend.ts';

/** Tokens that one answer may have; nobody reads a longer one, and it keeps others waiting. */
export const maxTokens = 1024;
const maxContext = 8192;
const maxSchemaBytes = 65_536;

const stopText = z.string().min(1).max(256);

/** Settings of a text generator. Only what stands here ever reaches one. */
const generation = {
  temperature: z.number().min(0).max(2).optional().describe('Text generators: 0 always takes the likeliest token'),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.number().int().min(0).max(1000).optional(),
  seed: z.number().int().optional(),
  stop: z
    .union([stopText.transform((text) => [text]), z.array(stopText).min(1).max(16)])
    .optional()
    .describe('Texts that end the answer'),
  num_predict: z.number().int().min(1).max(maxTokens).optional().describe('Tokens to make at most'),
  num_ctx: z.number().int().min(16).max(maxContext).optional().describe('Tokens of context'),
  format: z
    .union([z.literal('json'), z.record(z.string(), z.unknown())])
    .refine((format) => JSON.stringify(format).length <= maxSchemaBytes, 'expected at most 64 kB of schema')
    .optional()
    .describe('json, or a JSON schema that the answer follows'),
};

const shared = {
  raw: z.boolean().optional().describe('Adds every output tensor'),
  timing: z.boolean().optional().describe('Adds where the time went'),
  normalize: z.boolean().optional().describe('Text embeddings: whether vectors have length 1'),
  timeoutMs: z.number().int().positive().optional().describe('Lowers the time limit; never raises it'),
  ...generation,
};

const stream = z.boolean().optional().describe('Text generators: sends the answer in pieces, as it is made');

/** What a prediction may be told beside its features. */
export const PredictOptions = z.strictObject({ ...shared, stream }).transform(sorted);
/** The same for many predictions at once, which have no stream. */
export const BatchOptions = z.strictObject(shared).transform(sorted);

/** Puts the settings of generators together, as the inner parts take them. */
function sorted<Given extends z.output<z.ZodObject<typeof shared>>>(given: Given) {
  const { temperature, top_p, top_k, seed, stop, num_predict, num_ctx, format, ...rest } = given;
  const all: GenerationOptions = { temperature, top_p, top_k, seed, stop, num_predict, num_ctx, format };
  const wanted = Object.entries(all).filter(([, value]) => value !== undefined);
  return { ...rest, ...(wanted.length > 0 && { generation: Object.fromEntries(wanted) as GenerationOptions }) };
}
