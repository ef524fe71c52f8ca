import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderEntry } from './folder-entry.ts';

export interface FolderProblem {
  readonly file: string;
  readonly message: string;
}

/** Reads every description in `models/metadata/`, and every problem instead of stopping at the first. */
export async function readEntries(folder: string): Promise<{ entries: FolderEntry[]; problems: FolderProblem[] }> {
  const entries: FolderEntry[] = [];
  const problems: FolderProblem[] = [];
  const files = (await readdir(folder).catch(() => [])).filter(
    (name) => name.endsWith('.json') && name !== 'TEMPLATE.json',
  );
  for (const file of files.sort()) {
    try {
      const result = FolderEntry.safeParse(JSON.parse(await readFile(join(folder, file), 'utf8')));
      if (result.success) entries.push(result.data);
      else
        problems.push({
          file,
          message: result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
        });
    } catch (error) {
      problems.push({ file, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { entries, problems };
}

export interface LooseModel {
  readonly name: string;
  readonly framework: 'onnx' | 'tensorflow' | 'transformers';
  readonly directory: string;
  /** Relative to `directory`. */
  readonly files: readonly string[];
}

/**
 * Finds the models of a folder of model folders (`MODELS_DIR`): each folder that holds one `.onnx` file, a `model.json`,
 * or several `.onnx` files in the layout of the Hugging Face hub.
 */
export async function findLooseModels(root: string): Promise<{ models: LooseModel[]; problems: FolderProblem[] }> {
  const models: LooseModel[] = [];
  const problems: FolderProblem[] = [];
  const names = await readdir(root).catch(() => undefined);
  if (!names) return { models, problems: [{ file: root, message: 'this folder cannot be read' }] };
  for (const name of names.sort()) {
    const directory = join(root, name);
    const found = await stat(directory).catch(() => undefined);
    if (!found?.isDirectory()) continue;
    const files = await regularFiles(directory);
    const onnx = files.filter((file) => file.endsWith('.onnx'));
    if (files.includes('model.json'))
      models.push({ name, framework: 'tensorflow', directory, files: files.filter(isModelFile) });
    else if (onnx.length === 1) models.push({ name, framework: 'onnx', directory, files: files.filter(isModelFile) });
    else if (isHubLayout(files, onnx))
      models.push({ name, framework: 'transformers', directory, files: files.filter(isModelFile) });
    else
      problems.push({
        file: name,
        message: `expected one .onnx file or a model.json, found ${onnx.length} .onnx files among ${files.length} files`,
      });
  }
  return { models, problems };
}

export const isHubLayout = (files: readonly string[], onnx: readonly string[]): boolean =>
  files.includes('config.json') && onnx.length > 0 && onnx.every((file) => file.startsWith('onnx/'));

/** Pictures, goldens and notes beside a model are no part of it; the word lists of tokenizers are. */
export const isModelFile = (file: string): boolean =>
  !/\.(jpe?g|png|gif|md)$|(?<!(^|\/)(vocab|merges))\.txt$|(^|\/)golden\.json$/i.test(file);

async function regularFiles(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((item) => item.isFile())
    .map((item) =>
      join(item.parentPath, item.name)
        .slice(directory.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}
