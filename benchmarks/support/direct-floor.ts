import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../../scripts/harper/project-root.ts';
import { extractArchive } from '../../src/registry/package/extract-archive.ts';
import { onCleanup } from './cleanup.ts';
import type { Grouping } from './direct-embedder.ts';
import type { Round } from './take-turns.ts';

/** What embedding costs without a server: the process of `direct-child.ts`. */
export class DirectFloor {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it on a bundled model, unpacked into a folder that is gone when the script ends. */
  static async start(name: string): Promise<DirectFloor> {
    const root = await mkdtemp(join(tmpdir(), 'bench-'));
    onCleanup(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
    const folder = join(root, name);
    await extractArchive(join(projectRoot, 'models', 'bundles', `${name}.zip`), folder);
    const child = fork(fileURLToPath(new URL('./direct-child.js', import.meta.url)), [folder]);
    onCleanup(async () => void child.kill());
    await Promise.race([once(child, 'message'), once(child, 'exit').then(() => Promise.reject(ended()))]);
    return new DirectFloor(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Embeds the short texts over and over. @throws Error when the process could not */
  async run(grouping: Grouping, requests: number): Promise<{ round: Round; vectors: number[][] }> {
    const answer = once(this.#child, 'message');
    this.#child.send({ grouping, requests });
    const [{ result, error }] = await answer;
    if (!result) throw new Error(`embedding without a server failed: ${error}`);
    return result;
  }
}

const ended = () => new Error('the process that embeds without a server ended while it started');
