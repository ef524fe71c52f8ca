import { z } from 'zod';
import { AppError } from '../errors.ts';
import { wantedHubFile } from './package/hub-layout.ts';

const labels = z.array(z.string().max(256)).max(100_000);

/** The part of a model's metadata that changes how it is served. All other fields are kept as they came. */
export const ServingMetadata = z.looseObject({
  taskType: z.string().max(64).optional(),
  labels: labels.optional(),
  outputName: z.string().max(256).optional(),
  outputActivation: z.enum(['logits', 'probabilities']).optional(),
  preload: z.boolean().optional(),
  /** Features as a caller would send them: what the model is tried and warmed up with. */
  example: z.unknown().optional(),
  tolerance: z.number().nonnegative().optional(),
  ml_config: z
    .looseObject({
      pooling: z.enum(['mean', 'cls']).optional(),
      normalization: z.boolean().optional(),
      max_sequence_length: z.number().int().positive().max(1_000_000).optional(),
    })
    .optional(),
  serving: z
    .looseObject({
      device: z.string().max(32).optional(),
      threads: z.number().int().min(1).max(64).optional(),
      recording: z.enum(['durable', 'buffered', 'off']).optional(),
      recordPrediction: z.enum(['full', 'digest']).optional(),
      timeoutMs: z.number().int().positive().max(600_000).optional(),
    })
    .optional(),
  file_info: z.looseObject({ filename: z.string().max(512).optional() }).optional(),
});

export type Metadata = z.infer<typeof ServingMetadata>;

/** Which file of a package is the model, where the metadata says so. */
export function wantedFile(framework: string, { file_info, dtype }: Metadata): string | undefined {
  return framework === 'transformers' ? wantedHubFile(file_info?.filename, dtype) : file_info?.filename;
}

const maxBytes = 65_536;
const maxDepth = 16;
const maxKeys = 512;

/**
 * Checks metadata that a caller gives.
 *
 * @throws AppError INVALID_INPUT (fields, depth, keys) or BODY_TOO_LARGE (more than 64 kB of JSON).
 */
export function parseMetadata(value: unknown): Metadata {
  const { depth, keys } = measure(value);
  if (depth > maxDepth) throw invalid(`expected at most ${maxDepth} levels, got more`);
  if (keys > maxKeys) throw invalid(`expected at most ${maxKeys} keys, got ${keys}`);
  if (Buffer.byteLength(JSON.stringify(value) ?? '') > maxBytes) {
    throw new AppError('BODY_TOO_LARGE', 'metadata: expected at most 64 kB of JSON; keep large data outside.');
  }
  const result = ServingMetadata.safeParse(value);
  if (result.success) return result.data;
  const violations = result.error.issues.map((issue) => ({
    path: ['metadata', ...issue.path].join('.'),
    message: issue.message,
  }));
  throw new AppError('INVALID_INPUT', `metadata is wrong at ${violations[0]?.path}: ${violations[0]?.message}.`, {
    violations,
  });
}

function invalid(message: string) {
  return new AppError('INVALID_INPUT', `metadata: ${message}.`, { violations: [{ path: 'metadata', message }] });
}

function measure(value: unknown): { depth: number; keys: number } {
  let level: unknown[] = [value];
  let depth = 0;
  let keys = 0;
  while (level.length > 0 && depth <= maxDepth) {
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      const children = Object.values(item);
      if (!Array.isArray(item)) keys += children.length;
      for (const child of children) next.push(child);
    }
    depth += next.length > 0 ? 1 : 0;
    level = next;
  }
  return { depth, keys };
}
