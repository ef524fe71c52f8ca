import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootServer, type TestServer, uploadForm } from '../support/boot-server.ts';
import { serve, type TestOllama } from '../support/ollama-replay.ts';

let upstream: TestOllama;
let server: TestServer;
/** Generations that the server of models has begun and not ended. */
let generating = 0;

const description = (mode: string) => JSON.stringify({ modelName: 'm', mode });
const line = (value: object) => `${JSON.stringify(value)}\n`;

/** Writes numbers until it is done or nobody reads any more. */
async function count(outgoing: import('node:http').ServerResponse, words: number, pauseMs: number) {
  generating++;
  outgoing.once('close', () => generating--);
  outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (let word = 0; word < words && !outgoing.destroyed; word++) {
    outgoing.write(line({ response: `word ${word} of many, so that it takes a while to read them; `, done: false }));
    await pause(pauseMs);
  }
  outgoing.end(line({ response: '', done: true, done_reason: 'stop', prompt_eval_count: 1, eval_count: words }));
}

/** Writes as fast as it is read. */
function pour(outgoing: import('node:http').ServerResponse) {
  generating++;
  outgoing.once('close', () => generating--);
  outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const words = line({ response: 'words '.repeat(1000), done: false });
  const go = () => {
    while (!outgoing.destroyed && outgoing.write(words));
  };
  outgoing.on('drain', go);
  go();
}

beforeAll(async () => {
  upstream = await serve((body, incoming, outgoing) => {
    if (incoming.url === '/api/version') return outgoing.end('{"version":"0.24.0"}');
    const { stream, prompt = '', input, model } = JSON.parse(body);
    if (incoming.url === '/api/embed') {
      const embeddings = input.map((text: string) => [text.length, 3]);
      return outgoing.end(JSON.stringify({ embeddings, prompt_eval_count: input.length }));
    }
    if (prompt === 'hang') {
      generating++;
      return outgoing.once('close', () => generating--);
    }
    if (prompt === 'pour') return pour(outgoing);
    if (stream) return count(outgoing, Number(prompt) || 3, 1);
    return outgoing.end(JSON.stringify({ message: { content: `I am ${model}` }, response: 'hi', done: true }));
  });
  server = await bootServer({ environment: { OLLAMA_HOST: upstream.url.host, PERSONALIZE_MODEL: 'embedder' } });
  const writer = { modelName: 'writer', modelVersion: 'v1', framework: 'ollama', modelBlob: description('generate') };
  await server.as('trainer').post('/model', writer);
});

afterAll(async () => {
  await server?.stop();
  await upstream?.close();
});

describe('an Ollama model over HTTP', () => {
  it('comes in by all three ways, and needs no reload', async () => {
    const trainer = server.as('trainer');
    const base = { modelVersion: 'v1', framework: 'ollama' };
    const json = await trainer.post('/Model', { ...base, modelName: 'writer2', modelBlob: description('generate') });
    expect(json).toMatchObject({
      status: 201,
      body: { inputSchema: { inputs: [{ name: 'prompt', type: 'string' }] } },
    });
    const form = uploadForm({ ...base, modelName: 'talker' }, Buffer.from(description('chat')));
    expect(await trainer.post('/model/upload', form)).toMatchObject({ status: 201 });
    const raw = await trainer.request(
      'PUT',
      '/model/embedder/v1/blob?framework=ollama',
      Buffer.from(description('embeddings')),
      { 'content-type': 'application/octet-stream' },
    );
    expect(raw).toMatchObject({ status: 201 });
    const predictor = server.as('predictor');
    const asked = { modelName: 'talker', features: { prompt: 'who are you?' } };
    const { body } = await predictor.post('/predict', asked);
    expect(body).toMatchObject({ prediction: { response: 'I am m' }, confidence: null });
    const vectors = await predictor.post('/predict', { modelName: 'embedder', features: { texts: ['a', 'bc'] } });
    expect(vectors.body).toMatchObject({
      prediction: {
        embeddings: [
          [1, 3],
          [2, 3],
        ],
      },
      dimension: 2,
    });
    const products = [
      { id: 1, name: 'run' },
      { id: 2, name: 'swim' },
    ];
    const ranked = await predictor.post('/personalize', { products, userContext: { activityType: 'run' } });
    expect(ranked).toMatchObject({ status: 200, body: { model: 'embedder:v1' } });
    const { body: status } = await server.as('viewer').get('/status');
    expect(status.backends.ollama).toEqual({ available: true, version: '0.24.0' });
  });

  it('refuses a package that says more than it may', async () => {
    const model = { modelName: 'evil', modelVersion: 'v1', framework: 'ollama' };
    const modelBlob = '{"modelName":"m","mode":"chat","host":"http://evil.example"}';
    const reply = await server.as('trainer').post('/Model', { ...model, modelBlob });
    expect(reply).toMatchObject({ status: 422, body: { code: 'MODEL_MANIFEST' } });
    expect((await server.as('viewer').get('/model/evil/v1')).status).toBe(404);
  });
});

interface Streamed {
  readonly outgoing: ClientRequest;
  readonly reply: Promise<IncomingMessage>;
}

function stream(features: object, headers: Record<string, string> = {}, options: object = {}): Streamed {
  const body = JSON.stringify({ modelName: 'writer', features, options: { stream: true, ...options } });
  const outgoing = request(`${server.url}/predict`, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: server.as('predictor').authorization ?? '',
      ...headers,
    },
  });
  const reply = new Promise<IncomingMessage>((resolve, reject) =>
    outgoing.once('response', resolve).on('error', reject),
  );
  reply.catch(() => {});
  outgoing.end(body);
  return { outgoing, reply };
}

const noneLeft = () =>
  expect
    .poll(() => ({ generating, sockets: upstream.sockets.size }), { timeout: 10_000 })
    .toEqual({ generating: 0, sockets: 0 });

const usage = async () => {
  const { body } = await server.as('viewer').get('/status');
  return { inFlight: body.queues.inFlight, queued: body.queues.queued };
};

describe('streaming over HTTP', () => {
  it('sends each piece as it is made', async () => {
    const reply = await stream({ prompt: '30' }).reply;
    expect(reply.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'x-inference-id': expect.any(String),
    });
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    expect(chunks.length).toBeGreaterThan(10);
    const lines = Buffer.concat(chunks)
      .toString()
      .trimEnd()
      .split('\n')
      .map((each) => JSON.parse(each));
    expect(lines).toHaveLength(31);
    const { inferenceId, prediction } = lines.at(-1);
    expect(inferenceId).toBe(reply.headers['x-inference-id']);
    const deltas = lines.slice(0, -1).map(({ delta }) => delta);
    expect(deltas.join('')).toBe(prediction.response);
    // The line says that the event is there.
    const { body } = await server.as('admin').get(`/InferenceEvent/${inferenceId}`);
    expect(JSON.parse(body.prediction)).toEqual(prediction);
  });

  it('sends events to those who accept nothing else', async () => {
    const reply = await stream({ prompt: '2' }, { accept: 'text/event-stream' }).reply;
    expect(reply).toMatchObject({ statusCode: 200, headers: { 'content-type': 'text/event-stream' } });
    let text = '';
    for await (const chunk of reply) text += chunk;
    const names = text
      .trimEnd()
      .split('\n\n')
      .map((event) => event.split('\n')[0]);
    expect(names).toEqual(['event: delta', 'event: delta', 'event: done']);
  });

  it('slows the model down for a slow reader', async () => {
    const { outgoing, reply } = stream({ prompt: 'pour' });
    const response = await reply;
    response.pause();
    await pause(1000);
    const [socket] = upstream.sockets;
    const written = socket?.bytesWritten ?? 0;
    expect(written).toBeGreaterThan(10_000);
    await pause(500);
    // What fits into the buffers on the way was made, and nothing more.
    expect(socket?.bytesWritten).toBe(written);
    outgoing.destroy();
    await noneLeft();
  });

  it('ends the model’s work when the caller leaves, streamed or not, and says so in the event', async () => {
    const { outgoing, reply } = stream({ prompt: '100000' });
    const response = await reply;
    const inferenceId = response.headers['x-inference-id'];
    await new Promise((resolve) => response.once('data', resolve));
    outgoing.destroy();
    await noneLeft();
    const event = async () => (await server.as('admin').get(`/InferenceEvent/${inferenceId}`)).body;
    await expect.poll(async () => (await event()).errorCode).toBe('CANCELLED');
    expect(JSON.parse((await event()).prediction).response).toMatch(/^word 0/);
    const unstreamed = stream({ prompt: 'hang' }, {}, { stream: false });
    await expect.poll(() => generating).toBe(1);
    unstreamed.outgoing.destroy();
    await noneLeft();
    expect(await usage()).toEqual({ inFlight: 0, queued: 0 });
  });

  it('loses no slot, socket or generation to 200 clients that leave at any byte', async () => {
    // The same places in every run: a multiplicative generator.
    let seed = 20_261_121;
    const chance = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const leave = async () => {
      const { outgoing, reply } = stream({ prompt: '40' }, chance(2) ? { accept: 'text/event-stream' } : {});
      const byte = chance(4000);
      if (byte < 300) {
        // Before the reply, or while the question is on its way.
        await pause(chance(8));
        return outgoing.destroy();
      }
      try {
        let received = 0;
        for await (const chunk of await reply) {
          received += (chunk as Buffer).length;
          if (received >= byte) break;
        }
      } finally {
        outgoing.destroy();
      }
    };
    for (let round = 0; round < 20; round++) await Promise.allSettled(Array.from({ length: 10 }, leave));
    await noneLeft();
    expect(await usage()).toEqual({ inFlight: 0, queued: 0 });
    const whole = await stream({ prompt: '5' }).reply;
    let text = '';
    for await (const chunk of whole) text += chunk;
    expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ done: true });
  });
});

describe('without an Ollama server', () => {
  it('answers at once, and everything else goes on', async () => {
    await upstream.close();
    const predictor = server.as('predictor');
    for (let ask = 0; ask < 8; ask++) {
      const reply = await predictor.post('/predict', { modelName: 'talker', features: { prompt: 'a' } });
      expect(reply).toMatchObject({ status: 503, body: { code: 'UPSTREAM_UNAVAILABLE' } });
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await pause(3100);
    const begin = performance.now();
    const { body } = await server.as('viewer').get('/status');
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(body.backends.ollama).toMatchObject({ available: false, detail: expect.any(String) });
  });
});
