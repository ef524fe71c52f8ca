import { AppError } from '../../src/errors.ts';
import { type OllamaObject, OllamaServer } from '../../src/inference/backends/ollama/server.ts';

export interface PullResult {
  readonly model: string;
  readonly ok: boolean;
  /** Why it was not pulled. */
  readonly detail?: string;
}

export interface PullOptions {
  readonly host: URL;
  readonly models: readonly string[];
  /** Takes a line of progress: each step once, and a download each time a tenth more is there. */
  readonly report: (line: string) => void;
  /** Milliseconds without a word after which a pull has failed. */
  readonly patienceMs?: number;
}

/**
 * Pulls models one after the other; a failed one does not keep the others.
 *
 * @throws AppError UPSTREAM_UNAVAILABLE, UPSTREAM_FAILED when no Ollama server answers at all
 */
export async function pullModels({ host, models, report, patienceMs = 60_000 }: PullOptions): Promise<PullResult[]> {
  const server = new OllamaServer(host);
  await server.version(AbortSignal.timeout(5_000)).catch((cause: unknown) => {
    const words = `No Ollama server answers at ${host.host}. Start one (ollama serve), or set OLLAMA_HOST to where it is.`;
    throw new AppError('UPSTREAM_UNAVAILABLE', words, { cause });
  });
  const results: PullResult[] = [];
  for (const model of models) {
    report(`${model}:`);
    try {
      await pull(server, model, report, patienceMs);
      results.push({ model, ok: true });
    } catch (error) {
      results.push({ model, ok: false, detail: reasonOf(error) });
    }
  }
  return results;
}

const maxBytes = 2 ** 30;

async function pull(server: OllamaServer, model: string, report: (line: string) => void, patienceMs: number) {
  const silence = new AbortController();
  const giveUp = () => silence.abort(new Error(`the server said nothing for ${patienceMs / 1000} seconds`));
  const timer = setTimeout(giveUp, patienceMs);
  const progress = progressWriter(report);
  let last: unknown;
  try {
    const body = { model, stream: true };
    for await (const step of server.ask('/api/pull', { body, signal: silence.signal, maxBytes })) {
      timer.refresh();
      progress(step);
      last = step.status;
    }
  } finally {
    clearTimeout(timer);
  }
  if (last !== 'success') throw new Error('the server stopped before it was done');
}

/** Ollama repeats each step many times a second. */
function progressWriter(report: (line: string) => void): (step: OllamaObject) => void {
  let said = '';
  return ({ status, total, completed }) => {
    const tenth =
      typeof total === 'number' && total > 0 ? Math.floor((10 * Number(completed ?? 0)) / total) : undefined;
    const size = tenth === undefined ? '' : ` ${tenth * 10} % of ${(Number(total) / 1e6).toFixed(1)} MB`;
    const line = `  ${String(status)}${size}`;
    if (line !== said) report(line);
    said = line;
  };
}

/** What Ollama itself says is for the operator, who reads this, to know. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isOllamas = error instanceof AppError && error.code === 'UPSTREAM_FAILED' && error.cause instanceof Error;
  return isOllamas ? (error.cause as Error).message : error.message;
}
