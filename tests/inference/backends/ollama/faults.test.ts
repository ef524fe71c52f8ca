import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { backendsAt } from '../../../../src/inference/backends/index.ts';
import type { EngineModel } from '../../../../src/inference/engine.ts';
import { InlineEngine } from '../../../../src/inference/inline-engine.ts';
import { refusal } from '../../../support/codes.ts';
import { serve, type TestOllama } from '../../../support/ollama-replay.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

afterEach(() => vi.useRealTimers());

const ndjson = { 'content-type': 'application/x-ndjson' };
const line = (value: object) => `${JSON.stringify(value)}\n`;
const word = line({ response: 'word', done: false });
const end = line({ response: '', done: true });

function pour(outgoing: ServerResponse, piece: string): void {
  const go = () => {
    while (!outgoing.destroyed && outgoing.write(piece));
  };
  outgoing.on('drain', go);
  go();
}

/** What a server may do wrong, and what its caller is told. */
const faults: Readonly<Record<string, { readonly code: string; readonly act: (outgoing: ServerResponse) => unknown }>> =
  {
    'says nothing': { code: 'INFERENCE_TIMEOUT', act: () => {} },
    'falls silent in the middle': { code: 'INFERENCE_TIMEOUT', act: (out) => out.writeHead(200, ndjson).write(word) },
    'hangs up at once': { code: 'UPSTREAM_FAILED', act: (out) => out.destroy() },
    'hangs up in the middle': {
      code: 'UPSTREAM_FAILED',
      act: (out) => out.writeHead(200, ndjson).write(word, () => out.destroy()),
    },
    'ends before it is done': { code: 'UPSTREAM_FAILED', act: (out) => out.writeHead(200, ndjson).end(word) },
    'ends in half a line': { code: 'UPSTREAM_FAILED', act: (out) => out.writeHead(200, ndjson).end('{"response":"w') },
    'sends half an object': { code: 'UPSTREAM_FAILED', act: (out) => out.end('{"response":"w') },
    'sends garbage': { code: 'UPSTREAM_FAILED', act: (out) => out.end('<html>not me</html>') },
    'sends nothing': { code: 'UPSTREAM_FAILED', act: (out) => out.end() },
    'sends a list': { code: 'UPSTREAM_FAILED', act: (out) => out.end('[]') },
    'sends what is no UTF-8': { code: 'UPSTREAM_FAILED', act: (out) => out.end(Buffer.of(0x22, 0xff, 0x22)) },
    'writes a number for text': { code: 'UPSTREAM_FAILED', act: (out) => out.end('{"response":7,"done":true}') },
    'sends an error line': {
      code: 'UPSTREAM_FAILED',
      act: (out) => out.writeHead(200, ndjson).end(word + line({ error: 'secret' })),
    },
    'breaks with 500': { code: 'UPSTREAM_FAILED', act: (out) => out.writeHead(500).end('{"error":"secret"}') },
    'pours an endless line': {
      code: 'UPSTREAM_FAILED',
      act: (out) => pour(out.writeHead(200, ndjson), 'x'.repeat(60_000)),
    },
    'pours an endless body': { code: 'UPSTREAM_FAILED', act: (out) => pour(out.writeHead(200), 'x'.repeat(60_000)) },
    'pours lines without end': {
      code: 'UPSTREAM_FAILED',
      act: (out) => pour(out.writeHead(200, ndjson), line({ response: 'word '.repeat(2000), done: false }).repeat(5)),
    },
    'sends elsewhere': {
      code: 'UPSTREAM_FAILED',
      act: (out) => out.writeHead(302, { location: 'http://10.0.0.1/' }).end(),
    },
    'asks for a login': { code: 'UPSTREAM_FAILED', act: (out) => out.writeHead(401).end() },
    'has a full queue': { code: 'UPSTREAM_UNAVAILABLE', act: (out) => out.writeHead(503).end('{"error":"secret"}') },
  };

async function engineAt(server: TestOllama, mode = 'generate') {
  onTestFinished(() => server.close());
  const files = await tinyPackage({ 'ollama.json': JSON.stringify({ modelName: 'm', mode }) });
  const engine = new InlineEngine({
    backends: backendsAt('inline', { ollamaHost: server.url }),
    inspect: async () => {},
    queueLimit: 10_000,
  });
  const model: EngineModel = { ...files, framework: 'ollama', serves: 'candidates', runTimeoutMs: 1000 };
  const ask = (prompt: string, more: { stream?: boolean; timeoutMs?: number; signal?: AbortSignal } = {}) => {
    const { stream = false, timeoutMs = 2000, signal } = more;
    const waiting = { timeoutMs, ...(signal && { signal }), ...(stream && { onDelta: () => {} }) };
    return engine.predict(model, { kind: 'features', features: { prompt } }, waiting);
  };
  return { engine, ask };
}

/** A server that does what the prompt names. */
const faulty = () =>
  serve((body, incoming, outgoing) => {
    if (incoming.url === '/api/version') return outgoing.end('{"version":"1"}');
    const { prompt } = JSON.parse(body);
    return prompt === 'well' ? outgoing.writeHead(200, ndjson).end(word + end) : faults[prompt]?.act(outgoing);
  });

describe('a server that', () => {
  it.each(Object.entries(faults))('%s', async (name, { code }) => {
    const server = await faulty();
    const { ask } = await engineAt(server);
    for (const stream of [false, true]) {
      const timeoutMs = code === 'INFERENCE_TIMEOUT' ? 100 : 5000;
      const begin = performance.now();
      const error = await refusal(() => ask(name, { stream, timeoutMs }));
      expect(error.code).toBe(code);
      expect(error.message).not.toMatch(/secret|127\.0\.0\.1|10\.0\.0\.1|ECONN|JSON\.parse/);
      expect(performance.now() - begin).toBeLessThan(timeoutMs + 500);
    }
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it('is not there', async () => {
    const server = await faulty();
    const { ask } = await engineAt(server);
    await server.close();
    const error = await refusal(() => ask('well'));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
  });
});

describe('the breaker', () => {
  const failing = (name: string) => async (ask: Awaited<ReturnType<typeof engineAt>>['ask']) => {
    const errors: AppError[] = [];
    for (let time = 0; time < 12; time++) errors.push(await refusal(() => ask(name)));
    return errors;
  };

  it.each(['breaks with 500', 'sends garbage', 'ends before it is done', 'hangs up at once', 'has a full queue'])(
    'opens after five times when a server %s, and costs nothing then',
    async (name) => {
      const server = await faulty();
      const { ask } = await engineAt(server);
      const errors = await failing(name)(ask);
      expect(server.asked).toHaveLength(5);
      expect(errors.slice(5).map(({ code }) => code)).toEqual(Array(7).fill('UPSTREAM_UNAVAILABLE'));
      expect(errors[5]?.retryAfterSeconds).toBe(5);
    },
  );

  it('tries again after five seconds, with a question of its own first', async () => {
    const server = await faulty();
    const { ask } = await engineAt(server);
    await failing('breaks with 500')(ask);
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + 5_100);
    const answers = await Promise.all([1, 2, 3].map(() => ask('well')));
    expect(answers.map(({ value }) => (value as { response: string }).response)).toEqual(['word', 'word', 'word']);
    expect(server.asked[5]?.path).toBe('/api/version');
  });

  it('stays open while the server is not back', async () => {
    let isBack = false;
    const server = await serve((_body, _incoming, outgoing) =>
      isBack ? outgoing.end('{"version":"1","response":"word","done":true}') : outgoing.destroy(),
    );
    const { ask } = await engineAt(server);
    await failing('')(ask).catch(() => {});
    for (let time = 0; time < 5; time++) await refusal(() => ask('well'));
    vi.useFakeTimers({ toFake: ['Date'] });
    const asked = server.asked.length;
    vi.setSystemTime(Date.now() + 5_100);
    expect((await refusal(() => ask('well'))).code).toMatch(/^UPSTREAM/);
    expect(server.asked.slice(asked).map(({ path }) => path)).toEqual(['/api/version']);
    expect((await refusal(() => ask('well'))).code).toBe('UPSTREAM_UNAVAILABLE');
    expect(server.asked).toHaveLength(asked + 1);
    isBack = true;
    vi.setSystemTime(Date.now() + 5_100);
    expect((await ask('well')).value).toMatchObject({ response: 'word' });
  });

  it('does not mind callers who leave, ask wrongly or give too little time', async () => {
    const server = await faulty();
    const { ask } = await engineAt(server);
    for (let time = 0; time < 12; time++) {
      await refusal(() => ask(''));
      await refusal(() => ask('says nothing', { timeoutMs: 5 }));
      const controller = new AbortController();
      setTimeout(() => controller.abort(new AppError('CANCELLED', 'gone')), 5);
      expect((await refusal(() => ask('says nothing', { signal: controller.signal }))).code).toBe('CANCELLED');
    }
    expect((await ask('well')).value).toMatchObject({ response: 'word' });
  });

  it('of one model leaves the others alone', async () => {
    const server = await faulty();
    const one = await engineAt(server);
    const other = await engineAt(server);
    await failing('breaks with 500')(one.ask);
    expect((await other.ask('well')).value).toMatchObject({ response: 'word' });
  });
});

it('1,000 questions that end in every way leave no socket, no place and no timer', async () => {
  const server = await faulty();
  const { engine, ask } = await engineAt(server);
  const names = [...Object.keys(faults).filter((name) => !name.startsWith('pours')), 'well', 'well'];
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  await ask('well');
  const before = timers();
  for (let round = 0; round < 20; round++) {
    const asked = Array.from({ length: 50 }, (_, at) => {
      const leaves = at % 7 === 0 ? AbortSignal.timeout(at % 13) : undefined;
      const name = names[(round * 50 + at) % names.length] as string;
      return ask(name, { stream: at % 2 === 0, timeoutMs: 20, ...(leaves && { signal: leaves }) });
    });
    await Promise.allSettled(asked);
  }
  await expect.poll(() => server.sockets.size).toBe(0);
  const { queues, models } = await engine.status();
  expect(queues).toMatchObject({ inFlight: 0, queued: 0 });
  expect(models).toMatchObject([{ inFlight: 0, queued: 0 }]);
  await expect.poll(timers).toBeLessThanOrEqual(before + 1);
});
