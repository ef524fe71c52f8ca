import { createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openPromise, type ZipFile } from 'yauzl';
import { AppError } from '../../errors.ts';
import { type ArchiveLimits, defaultArchiveLimits } from './archive-limits.ts';
import { ArchivePlan, type PlannedFile } from './archive-plan.ts';
import { fillDirectory } from './fill-directory.ts';
import { isZip } from './is-zip.ts';

/**
 * Unpacks a zip file. Its table of contents is checked before a byte is written, every file is counted while it
 * is written, and a refusal leaves nothing behind.
 *
 * @param directory  absent or empty.
 * @throws AppError ARCHIVE_PATH, ARCHIVE_LIMIT, MODEL_MALFORMED
 */
export async function extractArchive(
  zipFile: string,
  directory: string,
  limits: Partial<ArchiveLimits> = {},
): Promise<void> {
  if (!(await isZip(zipFile))) throw broken();
  const all = { ...defaultArchiveLimits, ...limits };
  const zip = await openZip(zipFile);
  try {
    const files = await planOf(zip, (await stat(zipFile)).size, all);
    await fillDirectory(directory, async (temporary) => {
      for (const file of files) await writeOne(zip, file, temporary);
    });
  } finally {
    zip.close();
  }
}

/**
 * The paths of the files that unpacking would write.
 *
 * @throws AppError ARCHIVE_PATH, ARCHIVE_LIMIT, MODEL_MALFORMED
 */
export async function archivePaths(zipFile: string, limits: Partial<ArchiveLimits> = {}): Promise<string[]> {
  const zip = await openZip(zipFile);
  try {
    const files = await planOf(zip, (await stat(zipFile)).size, { ...defaultArchiveLimits, ...limits });
    return files.map(({ path }) => path);
  } finally {
    zip.close();
  }
}

async function openZip(zipFile: string): Promise<ZipFile> {
  try {
    // Names are decoded and judged here: yauzl would repair some and reject others with a bare message.
    return await openPromise(zipFile, { autoClose: false, decodeStrings: false });
  } catch (cause) {
    throw broken(cause);
  }
}

async function planOf(zip: ZipFile, archiveBytes: number, limits: ArchiveLimits): Promise<readonly PlannedFile[]> {
  const plan = new ArchivePlan(archiveBytes, limits);
  try {
    for await (const entry of zip.eachEntry()) plan.add(entry);
  } catch (cause) {
    throw cause instanceof AppError ? cause : broken(cause);
  }
  return plan.files();
}

async function writeOne(zip: ZipFile, { entry, path }: PlannedFile, directory: string): Promise<void> {
  const target = join(directory, path);
  await mkdir(dirname(target), { recursive: true });
  try {
    const source = await zip.openReadStreamPromise(entry);
    await pipeline(
      source,
      checked(path, entry.uncompressedSize),
      createWriteStream(target, { flags: 'wx', mode: 0o644 }),
    );
  } catch (cause) {
    throw cause instanceof AppError || isStorageError(cause) ? cause : broken(cause);
  }
}

/** Passes a file through; stops at a zip within the zip and at more bytes than were announced. */
function checked(path: string, announcedBytes: number): Transform {
  let head = Buffer.alloc(0);
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength;
      if (head.byteLength < 4) head = Buffer.concat([head, chunk.subarray(0, 4 - head.byteLength)]);
      if (bytes > announcedBytes) done(broken());
      else if (head.toString('latin1') === 'PK\x03\x04') {
        done(
          new AppError(
            'ARCHIVE_LIMIT',
            `The archive's entry ${JSON.stringify(path)} is an archive itself; expected plain files. Unpack it first.`,
          ),
        );
      } else done(null, chunk);
    },
  });
}

/** A full disk is no fault of the archive. */
const isStorageError = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'EACCES', 'EROFS'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );

const broken = (cause?: unknown): AppError =>
  new AppError('MODEL_MALFORMED', 'The archive cannot be read; expected a whole zip file. Pack and send it again.', {
    cause,
  });
