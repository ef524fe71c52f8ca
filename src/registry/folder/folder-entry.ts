import { z } from 'zod';
import { OllamaDescription } from '../gate/ollama/description.ts';

const relativePath = z
  .string()
  .min(1)
  .max(512)
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\\]+$/s, 'expected a relative path without ..');

/** Where a model's bytes come from. */
export const ModelSource = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('bundle'), path: relativePath }),
  z.strictObject({ type: z.literal('npm'), package: z.string().min(1), files: z.array(relativePath).min(1) }),
  z.strictObject({
    type: z.literal('huggingface'),
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'expected owner/name'),
    revision: z.string().default('main'),
    files: z.array(relativePath).min(1),
  }),
  z.strictObject({ type: z.literal('ollama'), description: OllamaDescription }),
]);
export type ModelSource = z.infer<typeof ModelSource>;

/** One file of `models/metadata/`: a model, where its bytes are, and what is known of it. */
export const FolderEntry = z.strictObject({
  modelName: z.string(),
  modelVersion: z.string().default('v1'),
  framework: z.string(),
  stage: z.string().default('candidate'),
  source: ModelSource,
  metadata: z.record(z.string(), z.unknown()).default({}),
});
export type FolderEntry = z.infer<typeof FolderEntry>;
