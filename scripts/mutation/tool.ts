import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../harper/project-root.ts';

const version = '9.6.1';
/** Below the project's own packages, so that the tool finds the project's vitest and its own core first. */
const folder = join(projectRoot, 'node_modules', '.cache', `stryker-${version}`);

/** Installs Stryker beside the project's packages when it is not there. @returns its command file. */
export async function strykerCommand(): Promise<string> {
  const command = join(folder, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  if (existsSync(command)) return command;
  console.log(`Installing Stryker ${version}, once ...`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const packages = ['core', 'vitest-runner'].map((name) => `@stryker-mutator/${name}@${version}`);
  // Its vitest is the project's; without this npm would bring another.
  const flags = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts', '--legacy-peer-deps'];
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const code = await run(npm, ['install', ...flags, ...packages], folder);
  if (code !== 0) throw new Error(`npm install of Stryker ended with code ${code}. Is the npm registry in reach?`);
  return command;
}

/**
 * Work during which the models and recordings beside the repository stand beside its copy too, in which Stryker runs
 * the tests: those that need them would be left out there without a word.
 *
 * @param copies  the folder of Stryker's copies, below the project's.
 */
export async function besideCopies<T>(copies: string, work: () => Promise<T>): Promise<T> {
  const shared = join(projectRoot, '..', 'shared');
  const link = join(projectRoot, copies, 'shared');
  await rm(link, { force: true });
  if (existsSync(shared)) {
    await mkdir(join(projectRoot, copies), { recursive: true });
    await symlink(shared, link, 'junction');
  }
  try {
    return await work();
  } finally {
    await rm(link, { force: true });
  }
}

/** Runs a command in a folder with this terminal. @returns its exit code. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
