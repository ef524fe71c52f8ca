import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket's path may have about 100 bytes; file names here take up to 30. */
const MAX_PATH_BYTES = 70;

/** The folder for the sockets of this server, the same in all its threads. */
export const defaultRuntimeDirectory = (): string => join(tmpdir(), `ai-ops-${process.pid}`);

/** Removes the folders that killed servers of this user left; a number in use again keeps its folder. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(/^ai-ops-(\d+)$/.exec(name)?.[1]);
    const path = join(tmpdir(), name);
    if (!pid || isRunning(pid) || lstatSync(path, { throwIfNoEntry: false })?.uid !== process.getuid?.()) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

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
  removeAbandoned();
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  if ((process.getuid && uid !== process.getuid()) || (mode & 0o077) !== 0) {
    throw new Error(`Expected the runtime folder "${path}" to belong to this user alone; remove it and start again`);
  }
}
