import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A file that has been received whole. Whoever holds it moves or removes it. */
export interface ReceivedFile {
  readonly path: string;
  readonly size: number;
  /** sha256, lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * Writes a stream to a new file in `folder`, hashing on the way; memory use does not depend on its size.
 * When the stream fails or grows beyond `limit` bytes, nothing is left behind.
 *
 * @param tooLarge  makes the error for a stream beyond the limit.
 */
export async function receiveFile(
  source: Readable,
  folder: string,
  limit: number,
  tooLarge: () => Error,
): Promise<ReceivedFile> {
  await mkdir(folder, { recursive: true });
  // A pipeline would wait for ever for a stream that was destroyed between its end and its being read.
  if (source.destroyed) throw source.errored ?? new Error('The stream was closed before it was read.');
  const path = join(folder, randomUUID());
  const hash = createHash('sha256');
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) return done(tooLarge());
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(source, measure, createWriteStream(path, { flags: 'wx' }));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { path, size, sha256: hash.digest('hex') };
}
