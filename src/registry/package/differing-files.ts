import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Compares two folders by the contents of their files.
 *
 * @returns paths, with forward slashes, of files that only one of them has or that differ.
 */
export async function differingFiles(folder: string, other: string): Promise<string[]> {
  const [here, there] = await Promise.all([digestsOf(folder), digestsOf(other)]);
  const paths = new Set([...here.keys(), ...there.keys()]);
  return [...paths].filter((path) => here.get(path) !== there.get(path)).sort();
}

async function digestsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const digests = new Map<string, string>();
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const hash = createHash('sha256');
    // What cannot be read differs from everything.
    const digest = await pipeline(createReadStream(path), hash).then(
      () => hash.digest('hex'),
      () => 'unreadable',
    );
    digests.set(relative(folder, path).split(sep).join('/'), digest);
  }
  return digests;
}
