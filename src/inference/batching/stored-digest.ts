import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../errors.ts';
import type { ModelPackage } from '../backend.ts';

/**
 * Checks that the bytes on disk are still those the registry knows. The store keeps them as `stored` beside the
 * folder they unpack to; a folder without that file, as in tests, is not checked.
 *
 * @throws AppError MODEL_UNAVAILABLE
 */
export async function verifyStoredDigest({ directory, digest }: ModelPackage): Promise<void> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(join(directory, '..', 'stored')), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const actual = hash.digest('hex');
  if (actual === digest) return;
  throw new AppError(
    'MODEL_UNAVAILABLE',
    `Expected the stored model to have the sha256 ${digest}, got ${actual}; its file on this node was changed or damaged, upload it again`,
  );
}
