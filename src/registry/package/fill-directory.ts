import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';

/**
 * Fills a folder whole or not at all: the work happens in a folder beside it, which then takes its name.
 *
 * @param directory  must be absent or empty; nothing is left in it when `fill` throws.
 */
export async function fillDirectory<T>(directory: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = `${directory}.${randomUUID()}.partial`;
  try {
    await mkdir(temporary, { recursive: true });
    const result = await fill(temporary);
    await rename(temporary, directory);
    return result;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
