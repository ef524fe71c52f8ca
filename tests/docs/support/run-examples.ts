import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences } from './answers.ts';
import { type CodeBlock, codeBlocks, readDocument } from './markdown.ts';

export interface Example {
  readonly document: string;
  readonly code: string;
  readonly line: number;
  /** The answer that the document shows: the `json` block that follows before the next example. */
  readonly shown: unknown;
}

/** The `bash` blocks of a document, which are meant to be run, in order. Blocks marked `sh` are only read. */
export function examplesOf(document: string): Example[] {
  const blocks = codeBlocks(readDocument(document));
  return blocks.flatMap(({ language, code, line }, index) => {
    if (language !== 'bash') return [];
    return [{ document, code, line, shown: answerAfter(blocks.slice(index + 1)) }];
  });
}

function answerAfter(blocks: readonly CodeBlock[]): unknown {
  const next = blocks.find(({ language }) => language === 'bash' || language === 'json');
  return next?.language === 'json' ? JSON.parse(next.code) : undefined;
}

export const curlIsInstalled = (): boolean => spawnSync('curl', ['--version']).status === 0;

export interface ExampleServer {
  readonly url: string;
  readonly operationsUrl: string;
  readonly username: string;
  readonly password: string;
}

/** Runs examples as a reader would, in a folder of their own, against a server at another address. */
export class ExampleRunner {
  readonly #server: ExampleServer;
  readonly #folder: string;
  #inferenceId = '';

  constructor(server: ExampleServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
    // Read by every curl: the login that development mode does not ask for, and the status beside the answer.
    const lines = [`user = "${server.username}:${server.password}"`, 'write-out = "%{stderr}%{http_code}\\n"'];
    writeFileSync(join(folder, '.curlrc'), `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  /** @returns what is wrong with an example; empty when it does what its document says. */
  async problems({ code, shown }: Example): Promise<string[]> {
    const { exitCode, output, statuses } = await this.#run(code);
    if (exitCode !== 0) return [`ended with code ${exitCode}: ${output.slice(0, 500)}`];
    const isRefusalShown = ((shown as { status?: unknown } | undefined)?.status ?? 0) as number;
    const expected = Number.isInteger(isRefusalShown) && isRefusalShown >= 400 ? isRefusalShown : undefined;
    const bad = statuses.filter((status) => (expected === undefined ? status >= 400 : status !== expected));
    if (statuses.length === 0) return ['sent no request'];
    if (bad.length > 0) return [`answered ${bad.join(', ')}: ${output.slice(0, 500)}`];
    if (shown === undefined) return [];
    const came = JSON.parse(output);
    this.#inferenceId =
      typeof came.inferenceId === 'string' && expected === undefined ? came.inferenceId : this.#inferenceId;
    return differences(shown, came);
  }

  #run(code: string): Promise<{ exitCode: number | null; output: string; statuses: number[] }> {
    const { url, operationsUrl } = this.#server;
    const here = code.replaceAll('http://localhost:9926', url).replaceAll('http://localhost:9925', operationsUrl);
    const child = spawn('bash', ['-euo', 'pipefail', '-c', here], {
      cwd: this.#folder,
      env: {
        PATH: process.env.PATH,
        HOME: this.#folder,
        INFERENCE_ID: this.#inferenceId,
        HDB_ADMIN_PASSWORD: this.#server.password,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (bytes) => (output += bytes));
    child.stderr.on('data', (bytes) => (errors += bytes));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode) => {
        const statuses = [...errors.matchAll(/^(\d{3})$/gm)].map(([status]) => Number(status));
        resolve({ exitCode, output, statuses });
      });
    });
  }
}
