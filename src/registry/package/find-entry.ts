import { open, readdir } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { AppError } from '../../errors.ts';
import { contentKind, headBytes } from '../gate/content-kind.ts';
import { mainHubFile } from './hub-layout.ts';

interface EntryRule {
  readonly label: string;
  /** Whether a file is a model file by its name alone. */
  matches(name: string): boolean;
  /** What a file may be called that the metadata names. */
  readonly named: RegExp;
  /** Chooses among several, where the framework's packages commonly hold more than one. */
  choose?(candidates: readonly string[], filename: string | undefined): string | undefined;
}

const rules: Readonly<Record<string, EntryRule>> = {
  onnx: { label: 'an .onnx file', matches: (name) => /\.onnx$/i.test(name), named: /\.onnx$/i },
  tensorflow: { label: 'model.json', matches: (name) => name === 'model.json', named: /\.json$/ },
  transformers: {
    label: 'an .onnx file, commonly onnx/model.onnx,',
    matches: (name) => name.endsWith('.onnx'),
    named: /\.onnx$/,
    choose: mainHubFile,
  },
  ollama: { label: 'one .json file', matches: (name) => /\.json$/i.test(name), named: /\.json$/i },
};

/**
 * Finds the model file of an unpacked package.
 *
 * @param filename  which of several it is, as the metadata names it; a path or just a name, and for transformers also
 *                  a precision.
 * @returns         its path below `directory`, with slashes.
 * @throws AppError MODEL_FORMAT when there is none or the choice is open, FORMAT_NOT_LOADABLE when there are
 *         only files that cannot be served safely.
 */
export async function findEntry(directory: string, framework: string, filename?: string): Promise<string> {
  const files = await filesBelow(directory);
  const rule = Object.hasOwn(rules, framework) ? rules[framework] : undefined;
  if (!rule)
    throw new AppError(
      'MODEL_FORMAT',
      `Expected a framework with model files (${Object.keys(rules).join(', ')}), got ${JSON.stringify(framework)}.`,
    );
  const named = filename === undefined ? undefined : chosen(files, filename);
  if (named && rule.named.test(named)) return named;
  const candidates = files.filter((file) => rule.matches(basename(file)));
  const pick = rule.choose ? rule.choose(candidates, filename) : candidates.length === 1 && candidates[0];
  if (pick) return pick;
  // model.json at the top wins over those of other models further down.
  if (framework === 'tensorflow' && candidates.includes('model.json')) return 'model.json';
  if (candidates.length === 0) await refuseForeignFiles(directory, files);
  const found = candidates.length > 0 ? `${candidates.length}: ${list(candidates)}` : `none among ${list(files)}`;
  throw new AppError(
    'MODEL_FORMAT',
    `Expected ${rule.label} in the package, found ${found}. ${candidates.length > 0 ? 'Name one in metadata.file_info.filename.' : `Name the framework that the files belong to.`}`,
  );
}

/** The file a name means: by its whole path, or by its last part when only one file has it. */
function chosen(files: readonly string[], filename: string): string | undefined {
  if (files.includes(filename)) return filename;
  const same = files.filter((file) => basename(file) === filename);
  return same.length === 1 ? same[0] : undefined;
}

async function filesBelow(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile())
    .map((file) => relative(directory, join(file.parentPath, file.name)).replaceAll(sep, '/'))
    .sort();
}

const shownFiles = 8;
const list = (files: readonly string[]): string =>
  files.length === 0
    ? 'no files'
    : files
        .slice(0, shownFiles)
        .map((file) => JSON.stringify(file))
        .join(', ') + (files.length > shownFiles ? ', …' : '');

async function refuseForeignFiles(directory: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const handle = await open(join(directory, file), 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      const kind = contentKind(buffer.subarray(0, bytesRead));
      if (kind !== 'pickle' && kind !== 'keras-h5') continue;
      const label = kind === 'pickle' ? 'a Python pickle (PyTorch, joblib)' : 'an HDF5 file (Keras)';
      throw new AppError(
        'FORMAT_NOT_LOADABLE',
        `The package's ${JSON.stringify(file)} is ${label}, which runs code of its own when it is loaded. Export the model as ONNX or TensorFlow.js.`,
      );
    } finally {
      await handle.close();
    }
  }
}
