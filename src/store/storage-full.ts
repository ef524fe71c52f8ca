import { AppError } from '../errors.ts';

/** ENOSPC and EDQUOT, as Node names them and as LMDB numbers them. */
const full: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 28, 122]);
/** LMDB's word for a write that the disk cut short. */
const inputOutputError = 5;

/**
 * Does work that writes to this node's disk.
 *
 * @throws AppError STORAGE_FULL when the disk takes no more; any other error as it is.
 */
export async function writing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(await isStorageFull(error))) throw error;
    throw new AppError(
      'STORAGE_FULL',
      'This node has no room left to store what came, so it was not taken. Free some of its disk, then send it again.',
      { cause: error, retryAfterSeconds: 5 },
    );
  }
}

async function isStorageFull(error: unknown): Promise<boolean> {
  const { code, message, commitError } = (error ?? {}) as { code?: unknown; message?: unknown; commitError?: unknown };
  if (full.has(code) || code === inputOutputError || /MDB_MAP_FULL/.test(String(message))) return true;
  if (commitError === undefined) return false;
  // LMDB keeps the reason of a failed commit in a promise beside the error.
  return Promise.resolve(commitError).then(() => false, isStorageFull);
}
