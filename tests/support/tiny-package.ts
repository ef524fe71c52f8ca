import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { ModelPackage } from '../../src/inference/backend.ts';

/** A package in a fresh temporary folder, with these files; the first is the entry. */
export async function tinyPackage(files: Readonly<Record<string, string | Uint8Array>>): Promise<ModelPackage> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tiny-model-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const digest = createHash('sha256');
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), content);
    digest.update(content);
  }
  return { digest: digest.digest('hex'), directory, entry: Object.keys(files)[0] ?? 'model' };
}
