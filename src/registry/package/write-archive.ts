import { open, rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { AppError } from '../../errors.ts';
import { pathKey, plainPathProblem } from './plain-path.ts';

export interface ArchiveFile {
  /** Plain relative path inside the archive. */
  readonly path: string;
  /** The bytes, or the file that holds them. */
  readonly source: Buffer | string;
}

/**
 * A zip file as a stream, whose bytes depend on nothing but the files' paths and contents: same files, same digest,
 * on any machine. Hence everything is stored, not compressed (model weights hardly compress, and zlib's output changes
 * between versions), sorted by path, with one fixed date and mode. The stream fails when a file cannot be read.
 *
 * @throws AppError ARCHIVE_PATH for a path that is not plain or is there twice.
 */
export function archiveStream(files: readonly ArchiveFile[]): Readable {
  checkPaths(files);
  // Zip keeps local time without a zone: the local midnight is the same bytes everywhere.
  const options = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false, forceDosTimestamp: true };
  const zip = new ZipFile();
  const stream = zip.outputStream as Readable;
  // A source that cannot be read is told to the zip, not to its stream.
  zip.on('error', (error) => stream.destroy(error as Error));
  const sorted = files.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  for (const { path, source } of sorted) {
    if (typeof source === 'string') zip.addFile(source, path, options);
    else zip.addBuffer(source, path, options);
  }
  zip.end();
  return stream;
}

/**
 * Writes `archiveStream` to a file.
 *
 * @param outFile  appears whole or not at all; a file of that name is replaced.
 * @throws AppError ARCHIVE_PATH
 */
export async function writeArchive(files: readonly ArchiveFile[], outFile: string): Promise<void> {
  const partial = `${outFile}.partial`;
  // Opened before anything can fail: a stream that still opens its file would make it after it was removed.
  const handle = await open(partial, 'w');
  try {
    try {
      await pipeline(archiveStream(files), handle.createWriteStream());
    } finally {
      await handle.close();
    }
    await rename(partial, outFile);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function checkPaths(files: readonly ArchiveFile[]): void {
  const seen = new Set<string>();
  for (const { path } of files) {
    const problem = plainPathProblem(path) ?? (seen.has(pathKey(path)) ? 'is there twice' : undefined);
    if (problem)
      throw new AppError(
        'ARCHIVE_PATH',
        `The path ${JSON.stringify(path)} ${problem}; expected a plain relative path, once.`,
      );
    seen.add(pathKey(path));
  }
}
