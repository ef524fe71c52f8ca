import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onCleanup } from './cleanup.ts';

export interface LoadOptions {
  readonly url: string;
  readonly authorization: string;
  /** JSON, the same for every request. */
  readonly body: string;
  readonly connections: number;
  /** Over all connections. */
  readonly requests: number;
}

export interface LoadResult {
  readonly answered: number;
  /** Errors, timeouts and replies other than 2xx. */
  readonly failed: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientCpuMs: number;
}

/** Makes requests with autocannon, from a process of its own that ends with the script. */
export class LoadClient {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('./load-child.js', import.meta.url)));

  constructor() {
    onCleanup(async () => void this.#child.kill());
  }

  /** @throws Error when a request fails: a figure that counts refusals means nothing. */
  async run(options: LoadOptions): Promise<LoadResult> {
    const answer = once(this.#child, 'message');
    this.#child.send(options);
    const [{ result, error }] = (await answer) as [{ result?: LoadResult; error?: string }];
    if (!result) throw new Error(`autocannon did not run: ${error}`);
    if (result.failed > 0 || result.answered !== options.requests) {
      throw new Error(
        `Expected ${options.requests} answers of ${options.url}, got ${result.answered}, of which ${result.failed} failed`,
      );
    }
    return result;
  }
}
