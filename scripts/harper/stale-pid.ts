import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const patienceMs = 10_000;

/**
 * Removes the pid file of a Harper that was killed. Harper refuses to start while any process has that
 * number: the killed one that is still being torn down, or, in a container where small numbers come again,
 * somebody else altogether. A living Harper of this folder keeps its file and refuses by itself.
 *
 * @param harperRoot  Harper's ROOTPATH.
 */
export async function clearStalePid(harperRoot: string): Promise<void> {
  // Elsewhere there is no telling whose a number is.
  if (!existsSync('/proc/self/environ')) return;
  const file = join(harperRoot, 'hdb.pid');
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!pid) return;
  for (
    const begin = Date.now();
    Date.now() - begin < patienceMs;
    await new Promise((resolve) => setTimeout(resolve, 50))
  ) {
    if (await isHarperOf(harperRoot, pid)) return;
    if (!(await isBeingTornDown(pid))) break;
  }
  await rm(file, { force: true });
}

const read = (pid: number, what: string) => readFile(`/proc/${pid}/${what}`, 'utf8').catch(() => undefined);

async function isHarperOf(harperRoot: string, pid: number): Promise<boolean> {
  const environment = await read(pid, 'environ');
  return environment?.split('\0').includes(`ROOTPATH=${harperRoot}`) ?? false;
}

/** A process that has no command line any more, and no environment to know it by, is about to be gone. */
const isBeingTornDown = async (pid: number): Promise<boolean> => (await read(pid, 'cmdline')) === '';
