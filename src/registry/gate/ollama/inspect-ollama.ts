import type { PackageReport } from '../report.ts';
import { readOllamaDescription } from './description.ts';

/** The gate of Ollama models: their package holds no model, only what to ask for elsewhere. */
export async function inspectOllama(directory: string, entry: string): Promise<PackageReport> {
  await readOllamaDescription(directory, entry);
  return { inputs: [], outputs: [], nodeCount: 0 };
}
