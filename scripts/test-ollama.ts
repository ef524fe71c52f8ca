import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OllamaServer } from '../src/inference/backends/ollama/server.ts';
import { startServer } from './durability/server.ts';
import { projectRoot } from './harper/project-root.ts';
import { settings } from './harper/settings.ts';
import { checks } from './ollama-test/checks.ts';
import { installLlama } from './ollama-test/install.ts';
import { subjectOf } from './ollama-test/subject.ts';

const help = `npm run test:ollama -- [--model name] [--gguf file] [--json]

Tests this server with a real language model behind it: the Ollama server at OLLAMA_HOST, or, where none answers, a small
one that this script starts over a model of its own, through node-llama-cpp, which is installed on demand.

  --model  a model that the Ollama server has; the newest one unless given
  --gguf   the model file of the small server; that of ../shared/models/smollm2-135m-instruct unless given
  --json   the outcome as JSON
  --help   this text

Exit code: 0 when all checks pass, 1 when one does not, 2 when there is no model to test with.`;

interface Upstream {
  readonly host: string;
  readonly model: string;
  readonly kind: 'live' | 'of this script';
  stop(): void;
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    gguf: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string) => {
  if (!values.json) console.log(line);
};
process.exitCode = values.help ? explain() : await main();

function explain(): number {
  console.log(help);
  return 0;
}

async function main(): Promise<number> {
  const upstream = (await liveServer()) ?? (await ownServer());
  if (!upstream) return 2;
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-ollama-'));
  say(`Asking ${upstream.model} of the server at ${upstream.host} (${upstream.kind}) ...`);
  try {
    const server = await startServer(root, 1, { OLLAMA_HOST: upstream.host, INFERENCE_TIMEOUT_MS: '120000' });
    try {
      const subject = await subjectOf(server, upstream);
      const results: { check: string; ok: boolean; detail: string }[] = [];
      for (const [check, run] of Object.entries(checks)) {
        const result = await run(subject).then(
          (detail) => ({ check, ok: true, detail }),
          (error: unknown) => ({ check, ok: false, detail: error instanceof Error ? error.message : String(error) }),
        );
        results.push(result);
        say(`${result.ok ? 'pass' : 'FAIL'}  ${check}: ${result.detail.replaceAll('\n', ' ').slice(0, 120)}`);
      }
      if (values.json)
        console.log(JSON.stringify({ host: upstream.host, model: upstream.model, kind: upstream.kind, results }));
      return results.every((result) => result.ok) ? 0 : 1;
    } finally {
      await server.kill();
    }
  } finally {
    upstream.stop();
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function liveServer(): Promise<Upstream | undefined> {
  const host = settings().OLLAMA_HOST;
  const tags = await new OllamaServer(host).tags(AbortSignal.timeout(3_000)).catch(() => undefined);
  const model = values.model ?? tags?.[0];
  if (!tags || model === undefined) return undefined;
  return { host: host.href, model, kind: 'live', stop: () => {} };
}

async function ownServer(): Promise<Upstream | undefined> {
  const folder = join(projectRoot, '..', 'shared', 'models', 'smollm2-135m-instruct');
  const found = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.gguf')) : undefined;
  const gguf = values.gguf ?? (found && join(folder, found));
  if (gguf === undefined || !existsSync(gguf)) {
    console.error(
      'No Ollama server answers at OLLAMA_HOST, and there is no model for one of our own. Name one with --gguf.',
    );
    return undefined;
  }
  const model = 'smollm2';
  const entry = await installLlama(say);
  const script = join(projectRoot, 'dist', 'scripts', 'ollama-test', 'serve.js');
  const child = spawn(process.execPath, [script, entry, gguf, model], { stdio: ['pipe', 'pipe', 'inherit'] });
  const host = `127.0.0.1:${await portOf(child)}`;
  return { host, model, kind: 'of this script', stop: () => void child.kill() };
}

function portOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the small server ended with code ${code}`)));
    child.stdout?.on('data', (bytes: Buffer) => {
      const port = /^port (\d+)/m.exec(String(bytes))?.[1];
      if (port !== undefined) resolve(port);
    });
  });
}
