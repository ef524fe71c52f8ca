import { describe, expect, it } from 'vitest';
import type { Answer, Asking } from '../../../../src/inference/backend.ts';
import { Breaker } from '../../../../src/inference/backends/ollama/breaker.ts';
import { ollamaGenerator } from '../../../../src/inference/backends/ollama/generator.ts';
import { OllamaServer } from '../../../../src/inference/backends/ollama/server.ts';
import { refusal } from '../../../support/codes.ts';
import { serve } from '../../../support/ollama-replay.ts';

type Mode = 'chat' | 'generate';

/** Asks a model whose server answers with these objects, one a line. */
async function answerOf(mode: Mode, parts: readonly object[], asking: Partial<Asking> = {}): Promise<Answer> {
  const upstream = await serve((_body, _incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
    outgoing.end(parts.map((part) => `${JSON.stringify(part)}\n`).join(''));
  });
  const server = new OllamaServer(upstream.url);
  const { ask } = ollamaGenerator({ server, breaker: new Breaker(async () => {}), modelName: 'm' }, mode);
  return ask('hello', { signal: new AbortController().signal, ...asking }).finally(() => upstream.close());
}

const message = (content: unknown, more: object = {}) => ({ message: { role: 'assistant', content, ...more } });

describe('an answer in pieces', () => {
  it('of a chat is one message, with its reasoning beside it', async () => {
    const parts = [
      message('', { thinking: 'so ' }),
      message(null, { thinking: 'then' }),
      message('a'),
      message('b'),
      { ...message(''), done: true, done_reason: 'stop', prompt_eval_count: 4, eval_count: 0 },
    ];
    const deltas: string[] = [];
    expect(await answerOf('chat', parts, { onDelta: (text) => void deltas.push(text) })).toEqual({
      value: {
        response: 'ab',
        message: { role: 'assistant', content: 'ab', thinking: 'so then' },
        doneReason: 'stop',
      },
      promptTokens: 4,
      completionTokens: 0,
    });
    // Nobody is told of nothing.
    expect(deltas).toEqual(['a', 'b']);
  });

  it('of a prompt is its text, with its reasoning where there is any', async () => {
    const last = { response: 'b', done: true, prompt_eval_count: -1, eval_count: 1.5, done_reason: 7 };
    expect(await answerOf('generate', [{ response: 'a' }, last])).toEqual({ value: { response: 'ab' } });
    expect(await answerOf('generate', [{ response: 'a', thinking: 'so' }, { done: true }])).toEqual({
      value: { response: 'a', thinking: 'so' },
    });
  });

  it('keeps no more of the server’s words than a reason is long', async () => {
    const { value } = await answerOf('generate', [{ response: '', done: true, done_reason: 'x'.repeat(100) }]);
    expect(value).toEqual({ response: '', doneReason: 'x'.repeat(64) });
  });

  it('waits for whoever takes the pieces', async () => {
    const order: string[] = [];
    const onDelta = async (text: string) => {
      order.push(`${text} comes`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push(`${text} is taken`);
    };
    await answerOf('generate', [{ response: 'a' }, { response: 'b' }, { done: true }], { onDelta });
    expect(order).toEqual(['a comes', 'a is taken', 'b comes', 'b is taken']);
  });

  it('does not wait for one who takes nothing and leaves', async () => {
    const leaving = new AbortController();
    const reason = new Error('gone');
    const onDelta = () => {
      setTimeout(() => leaving.abort(reason), 5);
      return new Promise<void>(() => {});
    };
    const asked = answerOf('generate', [{ response: 'a' }, { done: true }], { onDelta, signal: leaving.signal });
    await expect(asked).rejects.toBe(reason);
  });

  it.each<[string, Mode, object[], string]>([
    ['ends before it is done', 'generate', [{ response: 'a' }], 'before it was done'],
    ['only says that it is done', 'generate', [{ response: 'a', done: 'true' }], 'before it was done'],
    ['has a number for a text', 'generate', [{ response: 7, done: true }], '"response" that is no text'],
    ['has a list for a message’s text', 'chat', [{ ...message(['a']), done: true }], '"content" that is no text'],
    ['has a number for a thought', 'chat', [{ ...message('a', { thinking: 1 }), done: true }], '"thinking" that is no'],
  ])('that %s has failed', async (_name, mode, parts, words) => {
    const error = await refusal(() => answerOf(mode, parts));
    expect([error.code, error.message]).toEqual(['UPSTREAM_FAILED', expect.stringContaining(words)]);
  });

  it.each([[{ done: true }], [{ message: null, done: true }], [{ message: 'a', done: true }]])(
    'may have no message: %j',
    async (part) => {
      expect((await answerOf('chat', [part])).value).toEqual({
        response: '',
        message: { role: 'assistant', content: '' },
      });
    },
  );
});
