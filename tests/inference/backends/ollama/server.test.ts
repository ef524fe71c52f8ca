import { describe, expect, it, onTestFinished } from 'vitest';
import { OllamaServer } from '../../../../src/inference/backends/ollama/server.ts';
import { OllamaBackend } from '../../../../src/inference/backends/ollama.ts';
import { refusal } from '../../../support/codes.ts';
import { serve } from '../../../support/ollama-replay.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

const { signal } = new AbortController();

/** A server that answers everything so. */
async function answering(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const upstream = await serve((_body, _incoming, outgoing) => outgoing.writeHead(status, headers).end(text));
  onTestFinished(() => upstream.close());
  return { upstream, server: new OllamaServer(upstream.url) };
}

async function ask(server: OllamaServer): Promise<unknown[]> {
  const objects: unknown[] = [];
  for await (const object of server.ask('/api/chat', { body: { model: 'm', a: 1 }, signal })) objects.push(object);
  return objects;
}

describe('a question', () => {
  it('is posted as JSON below the host’s path, and answered with one object', async () => {
    const types: unknown[] = [];
    const upstream = await serve((_body, { headers }, outgoing) => {
      types.push(headers['content-type']);
      outgoing.end('{"done":true}');
    });
    onTestFinished(() => upstream.close());
    expect(await ask(new OllamaServer(upstream.url))).toEqual([{ done: true }]);
    expect(await ask(new OllamaServer(new URL('behind/', upstream.url)))).toEqual([{ done: true }]);
    const body = JSON.stringify({ model: 'm', a: 1 });
    expect(types).toEqual(['application/json', 'application/json']);
    expect(upstream.asked).toEqual([
      { method: 'POST', path: '/api/chat', body },
      { method: 'POST', path: '/behind/api/chat', body },
    ]);
  });

  it('is answered with one object a line where the server says so', async () => {
    const lines = '{"a":1}\n{"a":2}\n';
    for (const type of ['application/x-ndjson', 'application/x-ndjson; charset=utf-8']) {
      const { server } = await answering(200, lines, { 'content-type': type });
      expect(await ask(server)).toEqual([{ a: 1 }, { a: 2 }]);
    }
    const { server } = await answering(200, lines, { 'content-type': 'application/json' });
    expect((await refusal(() => ask(server))).code).toBe('UPSTREAM_FAILED');
  });

  it.each<[string, unknown, string]>([
    ['a list', [1], 'no object'],
    ['null', 'null', 'no object'],
    ['a text', '"a"', 'no object'],
    ['an error', { error: 'at /srv/blobs' }, 'ended its answer with an error'],
    ['nothing', '', 'no JSON'],
  ])('that is answered with %s has failed', async (_name, body, words) => {
    const { server } = await answering(200, body);
    const error = await refusal(() => ask(server));
    expect([error.code, error.message]).toEqual(['UPSTREAM_FAILED', expect.stringContaining(words)]);
    expect(error.message).not.toContain('/srv');
  });

  it('that is refused is refused for its model, and says when to come back', async () => {
    const { server } = await answering(503, { error: 'at /srv/blobs' }, { 'retry-after': '9' });
    expect(await refusal(() => ask(server))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryAfterSeconds: 9 });
    const { server: empty } = await answering(404, { error: 'not found' });
    const missing = await refusal(() => ask(empty));
    expect([missing.code, missing.message]).toEqual(['MODEL_UNAVAILABLE', expect.stringContaining('"m"')]);
  });
});

describe('what a server says of itself', () => {
  it('is its version, cut to what a version is', async () => {
    const { upstream, server } = await answering(200, { version: `0.12.3-${'x'.repeat(100)}` });
    expect(await server.version(signal)).toBe(`0.12.3-${'x'.repeat(57)}`);
    expect(upstream.asked).toEqual([{ method: 'GET', path: '/api/version', body: '' }]);
  });

  it('is the models that it has', async () => {
    const models = [{ name: 'a:1b' }, null, { name: 7 }, {}, { name: 'b' }];
    const { upstream, server } = await answering(200, { models });
    expect(await server.tags(signal)).toEqual(['a:1b', 'b']);
    expect(upstream.asked).toEqual([{ method: 'GET', path: '/api/tags', body: '' }]);
  });

  it.each<[number, unknown, string, string]>([
    [200, {}, 'UPSTREAM_FAILED', 'does not'],
    [200, { version: 1, models: {} }, 'UPSTREAM_FAILED', 'does not'],
    // Another server stands there: no model is meant.
    [404, '', 'UPSTREAM_FAILED', 'broke (500)'],
    [500, '', 'UPSTREAM_FAILED', 'broke (500)'],
    [503, '', 'UPSTREAM_UNAVAILABLE', 'queue is full'],
    [200, '', 'UPSTREAM_FAILED', 'no JSON'],
  ])('and nothing of %d %j', async (status, body, code, words) => {
    const { server } = await answering(status, body);
    for (const work of [() => server.version(signal), () => server.tags(signal)]) {
      const error = await refusal(work);
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
    }
  });
});

describe('the backend', () => {
  const described = (description: object) => tinyPackage({ 'ollama.json': JSON.stringify(description) });

  it('is available where a server answers, and asks it once for all who ask', async () => {
    const { upstream } = await answering(200, { version: '0.12.3' });
    const backend = new OllamaBackend({ ollamaHost: upstream.url });
    const answers = await Promise.all([backend.availability(), backend.availability()]);
    answers.push(await backend.availability());
    expect(answers).toEqual(Array(3).fill({ available: true, version: '0.12.3' }));
    expect(upstream.asked).toHaveLength(1);
  });

  it('is not where none does, and says what to do', async () => {
    const { upstream } = await answering(500, '');
    const backend = new OllamaBackend({ ollamaHost: upstream.url });
    const answer = { available: false, detail: expect.stringContaining('ollama serve') };
    expect(await backend.availability()).toEqual(answer);
    expect(await backend.availability()).toEqual(answer);
    expect(upstream.asked).toHaveLength(1);
  });

  it('takes the configured model where a package names none', async () => {
    const { upstream } = await answering(200, { response: 'hi', done: true });
    const ollamaHost = upstream.url;
    const files = await described({ mode: 'generate' });
    const model = await new OllamaBackend({ ollamaHost, ollamaDefaultModel: 'usual:1b' }).load(files, {});
    await model.ask?.('a', { signal });
    expect(JSON.parse(upstream.asked[0]?.body ?? '')).toMatchObject({ model: 'usual:1b' });
    const error = await refusal(() => new OllamaBackend({ ollamaHost }).load(files, {}));
    expect([error.code, error.message]).toEqual(['MODEL_LOAD_FAILED', expect.stringContaining('OLLAMA_DEFAULT_MODEL')]);
  });

  it('refuses a device, a package that makes no sense, tensors, and who comes after the end', async () => {
    const backend = new OllamaBackend({ ollamaHost: new URL('http://127.0.0.1:9/') });
    const files = await described({ modelName: 'm', mode: 'chat' });
    const device = await refusal(() => backend.load(files, { device: 'cuda' }));
    expect([device.code, device.message]).toEqual(['DEVICE_UNAVAILABLE', expect.stringContaining('"cuda"')]);
    const senseless = await refusal(async () => backend.load(await described({ mode: 'sing' }), { device: 'cpu' }));
    expect([senseless.code, senseless.message]).toEqual([
      'MODEL_LOAD_FAILED',
      expect.stringContaining('"ollama.json"'),
    ]);
    const model = await backend.load(files, {});
    expect([model.inputs, model.memoryBytes]).toEqual([[], 0]);
    const tensors = await refusal(() => model.predict({}));
    expect([tensors.code, tensors.message]).toEqual(['INVALID_INPUT', expect.stringContaining('prompt, messages')]);
    await model.dispose();
    const gone = await refusal(() => model.ask?.('a', { signal }));
    expect([gone.code, gone.message]).toEqual(['BACKEND_FAILED', expect.stringContaining('unloaded')]);
  });

  it.each([
    ['chat', [{ name: 'messages', type: 'array' }], [{ name: 'response', type: 'string' }], []],
    ['generate', [{ name: 'prompt', type: 'string' }], [{ name: 'response', type: 'string' }], []],
    ['embeddings', [{ name: 'texts', type: 'array' }], [], [{ name: 'embedding', dtype: 'float32', shape: [-1, -1] }]],
  ])('says what a model of %s takes and gives', async (mode, inputs, given, outputs) => {
    const model = await new OllamaBackend().load(await described({ modelName: 'm', mode }), {});
    expect([model.fields, model.outputs]).toEqual([{ inputs, outputs: given }, outputs]);
  });
});
