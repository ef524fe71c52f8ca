import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const version = '3.22.1';

/**
 * Installs node-llama-cpp into a folder of its own, once. It is never a dependency: it is large, and only this test
 * needs it.
 *
 * @returns the file to import
 */
export async function installLlama(say: (line: string) => void): Promise<string> {
  const folder = join(tmpdir(), `harper-ai-ops-node-llama-cpp-${version}`);
  const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  if (existsSync(entry)) return entry;
  say(`Installing node-llama-cpp ${version} (85 MB), once ...`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"private":true}\n');
  const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${process.platform}-${process.arch}@${version}`];
  // The install script downloads what the platform's package already holds; the other platforms are optional.
  const flags = ['--no-save', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder];
  await promisify(execFile)('npm', ['install', ...flags, ...packages], { cwd: folder, timeout: 600_000 });
  return entry;
}
