import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Answer, Asking, GenerationOptions } from '../../../../src/inference/backend.ts';
import { OllamaBackend } from '../../../../src/inference/backends/ollama.ts';
import { refusal } from '../../../support/codes.ts';
import {
  asRecorded,
  byteByByte,
  type Cut,
  hasTranscripts,
  inPieces,
  replay,
  serve,
  type TestOllama,
  type Transcript,
  transcript,
  transcripts,
} from '../../../support/ollama-replay.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

const never = new AbortController().signal;
type Mode = 'chat' | 'generate' | 'embeddings';

async function modelAt(server: TestOllama, mode: Mode, modelName: string) {
  onTestFinished(() => server.close());
  const files = await tinyPackage({ 'ollama.json': JSON.stringify({ modelName, mode }) });
  const { ask } = await new OllamaBackend({ ollamaHost: server.url }).load(files, {});
  return (features: unknown, asking: Partial<Asking> = {}): Promise<Answer> => {
    if (!ask) throw new Error('nobody to ask');
    return ask(features, { signal: never, ...asking });
  };
}

interface Wish {
  readonly mode: Mode;
  readonly modelName: string;
  readonly features: unknown;
  readonly generation?: GenerationOptions;
  readonly streams: boolean;
}

const chosen = new Set(['temperature', 'top_p', 'top_k', 'seed', 'stop', 'num_predict', 'num_ctx']);

/** How one of our callers would put a recorded question; undefined for what they cannot ask. */
function wishOf({ request, response }: Transcript): Wish | undefined {
  const mode = { '/api/chat': 'chat', '/api/generate': 'generate', '/api/embed': 'embeddings' }[request.path] as Mode;
  if (!mode || request.method !== 'POST' || response.complete === false) return undefined;
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(request.body ?? '');
    const { model, messages, prompt, input, stream = true, options, format, ...rest } = body;
    const question = { chat: { messages }, generate: { prompt }, embeddings: { texts: input } }[mode];
    const isOurs =
      Object.keys(rest).length === 0 &&
      Object.keys((options as object) ?? {}).every((name) => chosen.has(name)) &&
      (mode !== 'embeddings' || (Array.isArray(input) && !options)) &&
      /^[\w.-]+$/.test(String(model));
    if (!isOurs) return undefined;
    const generation = { ...(options as object), ...(format !== undefined && { format }) } as GenerationOptions;
    const streams = mode !== 'embeddings' && stream === true;
    return {
      mode,
      modelName: String(model),
      features: question,
      streams,
      ...(Object.keys(generation).length > 0 && { generation }),
    };
  } catch {
    return undefined;
  }
}

async function answerTo(each: Transcript, wish: Wish, cut: Cut) {
  const server = await replay([each], cut);
  const ask = await modelAt(server, wish.mode, wish.modelName);
  const deltas: string[] = [];
  const { generation, streams } = wish;
  try {
    const answer = await ask(wish.features, {
      ...(generation && { generation }),
      ...(streams && { onDelta: (text: string) => void deltas.push(text) }),
    });
    return { answer, deltas, asked: server.asked };
  } catch (error) {
    return { code: (error as { code?: string }).code, deltas, asked: server.asked };
  }
}

const wishes = transcripts.flatMap((each) => {
  const wish = wishOf(each);
  return wish ? [[each.name, each, wish] as const] : [];
});

describe.skipIf(!hasTranscripts)('a recorded question that our callers can ask', () => {
  it('there are many of them', () => expect(wishes.length).toBeGreaterThan(30));

  it.each(wishes)('%s', async (_name, each, wish) => {
    const { answer, deltas, asked, code } = await answerTo(each, wish, asRecorded);
    const { status, body } = each.response;
    // Either it is refused before it is asked, or the recorded request is exactly what went out.
    if (asked.length === 0) return each.name === 'embed-empty-list' || expect(code).toBe('INVALID_INPUT');
    if (status !== 200 || /"error":/.test(body)) return expect(code).toMatch(/^(UPSTREAM|MODEL_UNAV|INVALID)/);
    const objects = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    if (wish.mode === 'embeddings') {
      const [{ embeddings, prompt_eval_count: tokens }] = objects;
      expect(answer?.embedding?.shape).toEqual([embeddings.length, embeddings[0]?.length ?? 0]);
      expect(Array.from(answer?.embedding?.data as Float32Array)).toEqual(embeddings.flat().map(Math.fround));
      return expect(answer?.promptTokens).toBe(tokens);
    }
    const said = objects.map((object) => (wish.mode === 'chat' ? object.message.content : object.response)).join('');
    const last = objects.at(-1);
    expect(answer).toMatchObject({ value: { response: said, doneReason: last.done_reason } });
    expect(answer?.promptTokens).toBe(last.prompt_eval_count);
    expect(answer?.completionTokens).toBe(last.eval_count);
    expect(deltas.join('')).toBe(wish.streams ? said : '');
  });

  const streamed = wishes.filter(([, { response }]) => (response.chunkSizes?.length ?? 0) > 1);
  it.each(streamed)('%s is the same however it is cut', async (_name, each, wish) => {
    const { asked: _asked, ...expected } = await answerTo(each, wish, asRecorded);
    expect((await answerTo(each, wish, byteByByte)).answer).toEqual(expected.answer);
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, async (each_) => {
        const { asked: _again, ...cut } = await answerTo(each, wish, inPieces(each_));
        expect(cut).toEqual(expected);
      }),
      { numRuns: 8 },
    );
  });

  it('keeps reasoning out of the response', async () => {
    const each = transcript('chat-think-stream');
    const body = JSON.parse(each.request.body ?? '');
    const server = await serve((_body, _incoming, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(each.response.body);
    });
    const ask = await modelAt(server, 'chat', 'smollm2-think');
    const { value } = await ask({ messages: body.messages }, { onDelta: () => {} });
    const { message } = JSON.parse(each.response.body.split('\n')[0] ?? '');
    expect(message).toMatchObject({ thinking: 'They', content: '' });
    expect(value).toMatchObject({ message: { role: 'assistant', thinking: expect.stringMatching(/^They ask/) } });
    expect((value as { response: string }).response).not.toContain('They ask');
  });
});

describe('what is asked', () => {
  const said = { message: { role: 'assistant', content: 'hi' }, response: 'hi', done: true, done_reason: 'stop' };
  const server = () => serve((_body, _incoming, outgoing) => outgoing.end(JSON.stringify(said)));

  it('is a prompt as one message, in chat', async () => {
    const upstream = await server();
    const ask = await modelAt(upstream, 'chat', 'm');
    const { value, ...rest } = await ask({ prompt: 'hello', images: ['aGVsbG8='] });
    expect(value).toEqual({ response: 'hi', message: { role: 'assistant', content: 'hi' }, doneReason: 'stop' });
    expect(rest).toEqual({});
    expect(upstream.asked.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
      [
        '/api/chat',
        { model: 'm', messages: [{ role: 'user', content: 'hello', images: ['aGVsbG8='] }], stream: false },
      ],
    ]);
  });

  it('holds the options that were given, and no others', async () => {
    const upstream = await server();
    const ask = await modelAt(upstream, 'generate', 'm');
    await ask('hello', { generation: { temperature: 0, seed: undefined, stop: ['x'], format: 'json' } });
    await ask({ prompt: 'hello' });
    expect(upstream.asked.map(({ body }) => JSON.parse(body))).toEqual([
      { model: 'm', prompt: 'hello', stream: false, format: 'json', options: { temperature: 0, stop: ['x'] } },
      { model: 'm', prompt: 'hello', stream: false },
    ]);
  });

  it.each<[string, Mode, unknown, string]>([
    ['no question', 'chat', {}, 'features'],
    ['no messages', 'chat', { messages: [] }, 'features.messages'],
    ['an unknown role', 'chat', { messages: [{ role: 'root', content: 'a' }] }, 'features.messages[0].role'],
    [
      'content that is no text',
      'chat',
      { messages: [{ role: 'user', content: ['a'] }] },
      'features.messages[0].content',
    ],
    [
      'an image that is no base64',
      'chat',
      { messages: [{ role: 'user', content: '', images: ['http://x'] }] },
      'features.messages[0].images[0]',
    ],
    ['too many images', 'generate', { prompt: 'a', images: Array(9).fill('aGVsbG8=') }, 'features.images'],
    ['messages for generate', 'generate', { messages: [{ role: 'user', content: 'a' }] }, 'features'],
    ['an empty prompt', 'generate', { prompt: '' }, 'features.prompt'],
    ['a host', 'generate', { prompt: 'a', host: 'http://evil' }, 'features.host'],
    ['another model', 'generate', { prompt: 'a', model: 'other' }, 'features.model'],
    ['P23 options among the features', 'generate', { prompt: 'a', options: { num_predict: 1e9 } }, 'features.options'],
    ['P23 a prompt of 1 MB', 'generate', { prompt: 'a'.repeat(1_048_576) }, 'features'],
    [
      'P23 messages of 1 MB',
      'chat',
      { messages: Array(100).fill({ role: 'user', content: 'ä'.repeat(5500) }) },
      'features',
    ],
    ['texts that are no texts', 'embeddings', { texts: [1] }, 'features.texts[0]'],
  ])('never leaves the house with %s', async (_what, mode, features, path) => {
    const upstream = await server();
    const ask = await modelAt(upstream, mode, 'm');
    const error = await refusal(() => ask(features));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations.map((violation) => violation.path)).toContain(path);
    expect(upstream.asked).toEqual([]);
  });
});

describe('embeddings', () => {
  const embedder = async (reply: (texts: string[]) => unknown) => {
    const upstream = await serve((body, _incoming, outgoing) =>
      outgoing.end(JSON.stringify(reply(JSON.parse(body).input))),
    );
    return { ask: await modelAt(upstream, 'embeddings', 'm'), asked: upstream.asked };
  };

  it('come in order, however many texts there are, in several questions', async () => {
    const { ask, asked } = await embedder((texts) => ({
      embeddings: texts.map((text) => [Number(text), 1]),
      prompt_eval_count: texts.length,
    }));
    const { embedding, promptTokens } = await ask({ texts: Array.from({ length: 150 }, (_, index) => `${index}`) });
    expect(embedding?.shape).toEqual([150, 2]);
    expect(Array.from(embedding?.data as Float32Array).filter((_, at) => at % 2 === 0)).toEqual(
      Array.from({ length: 150 }, (_, index) => index),
    );
    expect(promptTokens).toBe(150);
    expect(asked.length).toBe(3);
  });

  it('have length 1 when that is wanted', async () => {
    const { ask } = await embedder(() => ({ embeddings: [[3, 4]] }));
    expect((await ask('a', { normalize: true })).embedding?.data).toEqual(Float32Array.of(0.6, 0.8));
    expect((await ask('a')).embedding?.data).toEqual(Float32Array.of(3, 4));
  });

  it('of no text are none, and nobody is asked', async () => {
    const { ask, asked } = await embedder(() => ({}));
    expect((await ask({ texts: [] })).embedding).toMatchObject({ shape: [0, 0] });
    expect(asked).toEqual([]);
  });

  it('of an empty text for which there is no vector are refused by its place', async () => {
    const { ask } = await embedder((texts) => ({ embeddings: texts.filter(Boolean).map(() => [1]) }));
    const error = await refusal(() => ask({ texts: ['a', '', 'b'] }));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations.map(({ path }) => path)).toEqual(['features.texts[1]']);
  });

  it.each([
    ['too few', { embeddings: [[1]] }],
    ['none', {}],
    ['of different lengths', { embeddings: [[1], [1, 2]] }],
    ['of what is no number', { embeddings: [[1], ['x']] }],
    ['beyond float32', { embeddings: [[1], [1e300]] }],
  ])('that are %s are the server’s fault', async (_what, reply) => {
    const { ask } = await embedder(() => reply);
    expect((await refusal(() => ask({ texts: ['a', 'b'] }))).code).toBe('UPSTREAM_FAILED');
  });

  it.each([
    [{ generation: { seed: 1 } }, 'options.seed'],
    [{ onDelta: () => {} }, 'options.stream'],
  ])('refuse what is for generators: %j', async (asking, path) => {
    const { ask, asked } = await embedder(() => ({}));
    const error = await refusal(() => ask({ texts: ['a'] }, asking));
    expect(error.violations.map((violation) => violation.path)).toEqual([path]);
    expect(asked).toEqual([]);
  });
});
