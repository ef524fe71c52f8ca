import { closeSync, fstatSync, readdirSync } from 'node:fs';

/**
 * Closes the sockets and files that this process got from its parent without being meant to. Harper opens its
 * listening sockets and databases so that every child inherits them: connections to a socket that a runner still
 * holds are accepted by nobody once the server has closed its own, and a model must find neither. To be called before
 * this process opens sockets or files itself, and so before it imports anything else: the owner of a file closed here
 * would close the next one with its number.
 *
 * @param kept  file descriptors up to this one are meant for this process.
 */
export function closeInheritedFiles(kept: number): void {
  for (const fd of openDescriptors()) if (fd > kept) closeIfInherited(fd);
}

function openDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    // No /proc, no telling.
    return [];
  }
}

/** What Node needs for itself are pipes, event queues and devices. */
function closeIfInherited(fd: number): void {
  try {
    const kind = fstatSync(fd);
    if (kind.isSocket() || kind.isFile()) closeSync(fd);
  } catch {
    // Gone already, as is the one that listed the others.
  }
}
