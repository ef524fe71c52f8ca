import { copyFile, link } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveLimits } from './archive-limits.ts';
import { extractArchive } from './extract-archive.ts';
import { fillDirectory } from './fill-directory.ts';
import { findEntry } from './find-entry.ts';
import { isZip } from './is-zip.ts';
import { refuseBareFile } from './refuse-bare-file.ts';

/** What a bare file is called once it is a package of one. */
const bareNames: Readonly<Record<string, string>> = { tensorflow: 'model.json', ollama: 'ollama.json' };
/** Frameworks whose models are never one file alone. */
const neverBare = new Set(['transformers']);

/**
 * Turns stored bytes into a package: a zip is unpacked, anything else becomes the only file of its package (a hard
 * link where that works, so nothing is copied). Which of the two it is, its first bytes say.
 *
 * @param from.file       the stored bytes.
 * @param from.directory  absent or empty; left so on an error.
 * @param from.filename   names the model file of a zip with several.
 * @returns               `entry`, the model file's path below the directory.
 * @throws AppError ARCHIVE_PATH, ARCHIVE_LIMIT, MODEL_MALFORMED, MODEL_FORMAT, FORMAT_NOT_LOADABLE
 */
export async function unpackModel(from: {
  readonly file: string;
  readonly directory: string;
  readonly framework: string;
  readonly filename?: string;
  readonly limits?: Partial<ArchiveLimits>;
}): Promise<{ readonly entry: string }> {
  const { file, directory, framework, filename, limits } = from;
  if (!(await isZip(file))) {
    if (neverBare.has(framework)) await refuseBareFile(file);
    const entry = bareNames[framework] ?? 'model.onnx';
    await fillDirectory(directory, (temporary) => linkOrCopy(file, join(temporary, entry)));
    return { entry };
  }
  return fillDirectory(directory, async (temporary) => {
    await extractArchive(file, temporary, limits);
    return { entry: await findEntry(temporary, framework, filename) };
  });
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    // Another file system, or one without hard links.
    await copyFile(from, to);
  }
}
