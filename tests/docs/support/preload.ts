import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { adminPassword, type TestServer } from '../../support/boot-server.ts';
import { projectRoot } from './markdown.ts';

/** Loads the default models into a server, as `npm run preload` does. @returns how each model fared. */
export async function preloadDefaultModels({
  url,
  root,
}: TestServer): Promise<{ model: string; outcome: string; detail: string }[]> {
  const script = join(projectRoot, 'dist', 'scripts', 'preload-models.js');
  const args = [script, '--url', url, '--user', 'admin', '--password', adminPassword, '--json'];
  const env = { PATH: process.env.PATH, HOME: root, AI_OPS_ROOT: join(root, 'data') };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}
