import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { fromBufferPromise } from 'yauzl';

/** The folder registry of this repository. */
export const modelsFolder = fileURLToPath(new URL('../../models/', import.meta.url));

/** A zip's contents by path. */
export async function unzip(path: string): Promise<Map<string, Buffer>> {
  const zip = await fromBufferPromise(readFileSync(path));
  const files = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    files.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return files;
}
