import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket's path may have about 100 bytes; file names here take up to 30. */
const MAX_PATH_BYTES = 70;

/** The folder for the sockets of this server, the same in all its threads. */
export const defaultRuntimeDirectory = (): string => join(tmpdir(), `ai-ops-${process.pid}`);

/**
 * Makes the folder for sockets and markers, readable by this user alone.
 *
 * @throws Error when the path is too long for a socket, or when somebody else owns or may read the folder
 */
export function prepareRuntimeDirectory(path: string): void {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new Error(
      `Expected a runtime folder of at most ${MAX_PATH_BYTES} bytes for sockets, got "${path}"; set TMPDIR to a shorter one`,
    );
  }
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  if ((process.getuid && uid !== process.getuid()) || (mode & 0o077) !== 0) {
    throw new Error(`Expected the runtime folder "${path}" to belong to this user alone; remove it and start again`);
  }
}
