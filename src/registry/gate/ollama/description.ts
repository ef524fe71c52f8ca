import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { refusal } from '../refusal.ts';

const maxBytes = 65_536;

/** What an Ollama server calls a model: `[host/][namespace/]name[:tag]`. */
export const ollamaName = /^(?=.{1,256}$)[a-z0-9][\w.-]*(:\d+(?=\/))?(\/[a-z0-9][\w.-]*)*(:[\w][\w.-]*)?$/i;

/** What is stored for a model that an Ollama server runs: its name there, and how it is asked. */
export const OllamaDescription = z.strictObject({
  modelName: z.string().regex(ollamaName, 'expected a name as Ollama writes it, such as llama3.2:1b').optional(),
  mode: z.enum(['chat', 'generate', 'embeddings']).default('chat'),
});

export type OllamaDescription = z.infer<typeof OllamaDescription>;

/**
 * Reads the package of an Ollama model: one small JSON file, `{"modelName","mode"}`.
 *
 * @throws AppError MODEL_MALFORMED when it is no JSON, MODEL_MANIFEST when it says something else
 */
export async function readOllamaDescription(directory: string, entry: string): Promise<OllamaDescription> {
  const text = await readStart(join(directory, entry));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const problem = 'expected JSON, {"modelName","mode"}, got text that does not parse or is far too long';
    throw refusal('MODEL_MALFORMED', '', `${problem}. Send it again.`, cause);
  }
  const result = OllamaDescription.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw refusal(
    'MODEL_MANIFEST',
    path,
    `${issue?.message}. An Ollama model is {"modelName": its name on the server, "mode": "chat", "generate" or "embeddings"} and nothing more.`,
  );
}

/** More than the limit is cut off, and so no JSON any more. */
async function readStart(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return new TextDecoder('utf-8').decode(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}
