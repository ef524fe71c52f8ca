import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The library begins to read every local file it finds, so a model of a gigabyte would stand in memory a second time
 * until it is collected. To what its cache has, it only keeps the path, which is all that ONNX Runtime needs.
 *
 * @param remoteHost  the library's `env.remoteHost`: it asks its cache by a local path, and by the address in place of it.
 */
export const weightPaths = (remoteHost: () => string) => ({
  async match(key: string): Promise<string | undefined> {
    const file = localPath(key, remoteHost());
    return file.endsWith('.onnx') && path.isAbsolute(file) && existsSync(file) ? file : undefined;
  },
  /** Keeps nothing. */
  async put(): Promise<void> {},
});

const revision = '/resolve/main/';

function localPath(key: string, remoteHost: string): string {
  if (!key.startsWith(remoteHost)) return key;
  const [folder = '', ...file] = key.slice(remoteHost.length).split(revision);
  return `${path.isAbsolute(folder) ? '' : '/'}${folder}/${file.join(revision)}`;
}
