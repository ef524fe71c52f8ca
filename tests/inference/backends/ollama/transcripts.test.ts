import { Ollama } from 'ollama';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exchange } from '../../../../src/egress/exchange.ts';
import { AppError } from '../../../../src/errors.ts';
import { type OllamaObject, type OllamaRoute, OllamaServer } from '../../../../src/inference/backends/ollama/server.ts';
import {
  asRecorded,
  byteByByte,
  type Cut,
  hasTranscripts,
  inPieces,
  replay,
  type Transcript,
  transcripts,
} from '../../../support/ollama-replay.ts';

const asking = ['/api/chat', '/api/generate', '/api/embed'];
const routes = [...asking, '/api/tags', '/api/version'];
const ours = transcripts.filter(({ request }) => routes.includes(request.path));

function bodyOf({ request }: Transcript): (OllamaObject & { model: string }) | undefined {
  try {
    const value = JSON.parse(request.body ?? '');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const questions = ours.filter(
  (each) => each.request.method === 'POST' && asking.includes(each.request.path) && bodyOf(each) !== undefined,
);
const others = ours.filter((each) => !questions.includes(each));

/** What a caller of ours is told, worked out from the recording alone. */
function expectedOf({ response: { status, headers, body } }: Transcript): { code: string } | { objects: unknown[] } {
  const codes: Record<number, string> = {
    400: 'INVALID_INPUT',
    403: 'UPSTREAM_FAILED',
    404: 'MODEL_UNAVAILABLE',
    405: 'UPSTREAM_FAILED',
    500: 'UPSTREAM_FAILED',
    503: 'UPSTREAM_UNAVAILABLE',
  };
  if (status !== 200) return { code: codes[status] ?? `status ${status}` };
  const lines = headers['Content-Type'] === 'application/x-ndjson' ? body.trimEnd().split('\n') : [body];
  const objects = lines.map((line) => JSON.parse(line));
  return objects.some((object) => 'error' in object) ? { code: 'UPSTREAM_FAILED' } : { objects };
}

async function started(each: Transcript, cut: Cut) {
  const server = await replay([each], cut);
  onTestFinished(() => server.close());
  return server;
}

async function answerOf(url: URL, each: Transcript): Promise<{ code: string } | { objects: unknown[] }> {
  const objects: unknown[] = [];
  // One recording ends where its client hung up: so does ours.
  const pieces = each.response.complete === false ? (each.response.chunkSizes?.length ?? 0) : Number.POSITIVE_INFINITY;
  try {
    const body = bodyOf(each) as OllamaObject & { model: string };
    const signal = new AbortController().signal;
    for await (const object of new OllamaServer(url).ask(each.request.path as OllamaRoute, { body, signal })) {
      objects.push(object);
      if (objects.length === pieces) break;
    }
    return { objects };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.message).not.toContain(JSON.parse(each.response.body.trim().split('\n').at(-1) ?? '').error);
    return { code: error.code };
  }
}

describe.skipIf(!hasTranscripts)('every recorded question', () => {
  it('is one of those that we ask', () => {
    expect(questions.length).toBeGreaterThan(100);
    expect(others.length).toBeGreaterThan(10);
  });

  it.each(questions.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const expected = expectedOf(each);
    const small = each.response.body.length < 4000;
    for (const cut of [asRecorded, inPieces([7, 1, 64, 3]), ...(small ? [byteByByte] : [])]) {
      const { url } = await started(each, cut);
      expect(await answerOf(url, each)).toEqual(expected);
    }
  });
});

describe.skipIf(!hasTranscripts)('every other recorded request', () => {
  it.each(others.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const { method, body } = each.request;
    const { url } = await started(each, asRecorded);
    const reply = await exchange({
      method: method as 'GET',
      url: new URL(each.request.path, url),
      ...(body !== null && { body }),
      peer: 'the replay',
      maxBytes: 1_000_000,
    });
    const chunks: Buffer[] = [];
    for await (const chunk of reply.body) chunks.push(chunk);
    expect(reply.status).toBe(each.response.status);
    expect(Buffer.concat(chunks).toString()).toBe(method === 'HEAD' ? '' : each.response.body);
  });

  it.each(['tags-empty', 'tags-several', 'tags-one-model'])('%s lists models', async (name) => {
    const each = transcripts.find((one) => one.name === name) as Transcript;
    const { url } = await started(each, asRecorded);
    const names = JSON.parse(each.response.body).models.map((model: { name: string }) => model.name);
    expect(await new OllamaServer(url).tags(new AbortController().signal)).toEqual(names);
  });

  it('version-get says the version', async () => {
    const each = transcripts.find((one) => one.name === 'version-get') as Transcript;
    const { url } = await started(each, asRecorded);
    expect(await new OllamaServer(url).version(new AbortController().signal)).toBe('0.24.0');
  });
});

/** What Ollama's own client makes of the same replay: the objects, or the status of its error. */
async function officialAnswer(
  url: URL,
  each: Transcript,
): Promise<{ status: number | undefined } | { objects: unknown[] }> {
  const client = new Ollama({ host: url.href.replace(/\/$/, '') });
  // `any`, for recorded bodies are sent as they are, wrong ones too.
  const body = bodyOf(each) as any;
  const ask = { '/api/chat': 'chat', '/api/generate': 'generate', '/api/embed': 'embed' }[each.request.path] as 'chat';
  const streams = ask !== ('embed' as string) && body.stream !== false;
  try {
    if (!streams) return { objects: [await client[ask](body)] };
    const objects: unknown[] = [];
    for await (const object of await client[ask]({ ...body, stream: true })) objects.push(object);
    return { objects };
  } catch (error) {
    return { status: (error as { status_code?: number }).status_code };
  }
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

describe.skipIf(!hasTranscripts)('the official client sees what ours sees', () => {
  // It takes an image apart by itself, and waits for ever on the recording that ends with a client's leaving.
  const own = questions.filter(
    ({ name, response }) => response.complete !== false && !/image|stream-string/.test(name),
  );

  it.each(own.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const { url } = await started(each, asRecorded);
    const official = await officialAnswer(url, each);
    const mine = await answerOf(url, each);
    if ('objects' in mine) expect(plain(official)).toEqual(mine);
    else {
      const inStream = each.response.status === 200;
      expect(official).toEqual({ status: inStream ? undefined : each.response.status });
    }
  });
});
