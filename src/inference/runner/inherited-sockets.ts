import { closeSync, readdirSync, readlinkSync } from 'node:fs';

const folder = '/proc/self/fd';

/**
 * Closes the sockets that this process got from its parent without being meant to. Harper opens its listening
 * sockets so that every child inherits them: connections to one that a runner still holds are accepted by nobody
 * once the server has closed its own, and a model must not find them either. To be called before the first socket
 * of this process is opened.
 *
 * @param kept  file descriptors up to this one are meant for this process.
 */
export function closeInheritedSockets(kept: number): void {
  for (const fd of openSockets()) if (fd > kept) closeQuietly(fd);
}

function openSockets(): number[] {
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((fd) => linkOf(fd)?.startsWith('socket:'));
  } catch {
    // No /proc, no telling.
    return [];
  }
}

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`${folder}/${fd}`);
  } catch {
    return undefined;
  }
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Gone already.
  }
}
