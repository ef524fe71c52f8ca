import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { zipFiles } from './support/archive.ts';

const help = `Packs a folder's files into a model package whose bytes depend on nothing but the files.

Usage: node dist/training-scripts/pack-bundle.js --from folder --to models/bundles/name.zip [options]

  --from   folder whose files stand at the root of the package
  --to     the zip to write
  --skip   a path inside the folder to leave out; may be given several times
  --json   the result as JSON
  --help   this text`;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      skip: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.from === undefined || values.to === undefined) {
    console.log(help);
    return values.help ? 0 : 2;
  }
  const files = readFolder(values.from, new Set(values.skip));
  const bytes = await zipFiles(files);
  writeFileSync(values.to, bytes);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const paths = Object.keys(files).sort();
  if (values.json) console.log(JSON.stringify({ bytes: bytes.length, digest, files: paths }, null, 2));
  else console.log(`${bytes.length} bytes, sha256 ${digest}\n${paths.map((path) => `  ${path}`).join('\n')}`);
  return 0;
}

/** Contents by path inside the folder, with forward slashes. */
function readFolder(folder: string, skip: ReadonlySet<string>): Record<string, Uint8Array> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
  return Object.fromEntries(
    paths.filter((path) => !skip.has(path)).map((path) => [path, readFileSync(join(folder, path))]),
  );
}
