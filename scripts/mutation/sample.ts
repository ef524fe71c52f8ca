import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomNumbers } from '../durability/model-bytes.ts';
import { projectRoot } from '../harper/project-root.ts';

const linesPerBlock = 12;

/** Lines `from` to `to` of a file, as Stryker's `--mutate` takes them. */
export type Range = `${string}:${number}-${number}`;

/**
 * Blocks of lines chosen by chance from all files of a folder, so that every line is as likely as any other.
 *
 * @param share  of the lines, above 0 up to 1.
 */
export function sampleOf(folder: string, share: number, seed: number, leftOut: ReadonlySet<string>): Range[] {
  const random = randomNumbers(seed);
  const files = readdirSync(join(projectRoot, folder), { recursive: true })
    .map((name) => `${folder}/${name.toString().replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.ts') && !leftOut.has(file))
    .sort();
  return files.flatMap((file) => {
    const lines = readFileSync(join(projectRoot, file), 'utf8').split('\n').length;
    const blocks = Array.from({ length: Math.ceil(lines / linesPerBlock) }, (_, block) => block * linesPerBlock + 1);
    return blocks
      .filter(() => random() < share)
      .map((from): Range => `${file}:${from}-${Math.min(lines, from + linesPerBlock - 1)}`);
  });
}
