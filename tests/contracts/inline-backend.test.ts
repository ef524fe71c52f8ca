import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { Asking, LoadedModel } from '../../src/inference/backend.ts';
import { backendNames, backends } from '../../src/inference/backends/index.ts';
import { serve, type TestOllama } from '../support/ollama-replay.ts';
import { tinyPackage } from '../support/tiny-package.ts';

// The contract of models that a server elsewhere runs; those that run here have theirs in `backend.test.ts`.

let ollama: TestOllama;
const never: Asking = { signal: new AbortController().signal };

beforeAll(async () => {
  // Says the prompt back, or counts its letters; says nothing to one that asks it to wait.
  ollama = await serve((body, incoming, outgoing) => {
    const { prompt, input } = JSON.parse(body);
    if (incoming.url === '/api/embed') {
      return outgoing.end(JSON.stringify({ embeddings: input.map((text: string) => [text.length, 1]) }));
    }
    if (prompt === 'wait') return outgoing.flushHeaders();
    setTimeout(() => outgoing.end(JSON.stringify({ response: `you said ${prompt}`, done: true })), 5);
  });
});
afterAll(() => ollama.close());

const subjects = {
  ollama: {
    description: { modelName: 'echo', mode: 'generate' },
    features: (id: number) => ({ prompt: `hello ${id}` }),
    value: (id: number) => ({ response: `you said hello ${id}` }),
    waiting: { prompt: 'wait' },
    wrong: [{}, { prompt: 7 }, { prompt: 'a', more: 1 }, null, []],
  },
} as const;

it('every inline backend takes part', () => {
  const inline = backendNames.filter((name) => backends[name]().placement === 'inline');
  expect(Object.keys(subjects)).toEqual(inline);
});

describe.each(Object.keys(subjects) as (keyof typeof subjects)[])('%s', (name) => {
  const { description, features, value, waiting, wrong } = subjects[name];
  const backend = () => backends[name]({ ollamaHost: ollama.url });
  const load = async (content: string = JSON.stringify(description)): Promise<LoadedModel> =>
    backend().load(await tinyPackage({ 'model.json': content }), {});

  it('says what it takes, and takes no tensors', async () => {
    const { fields, predict } = await load();
    await expect(predict({})).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(fields?.inputs).toEqual([{ name: expect.any(String), type: expect.any(String) }]);
  });

  it('answers questions that overlap, each with its own answer', async () => {
    const model = await load();
    const ids = Array.from({ length: 30 }, (_, id) => id);
    const answers = await Promise.all(ids.map((id) => model.ask?.(features(id), never)));
    expect(answers.map((answer) => answer?.value)).toEqual(ids.map((id) => value(id)));
    await model.dispose();
  });

  it('refuses features that it cannot read, and answers the next', async () => {
    const model = await load();
    for (const each of wrong) {
      await expect(model.ask?.(each, never)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    }
    expect((await model.ask?.(features(1), never))?.value).toEqual(value(1));
  });

  it('ends with the reason of the signal, before it asks and while it waits', async () => {
    const model = await load();
    const reason = new AppError('CANCELLED', 'gone');
    await expect(model.ask?.(features(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await expect(model.ask?.(waiting, { signal: controller.signal })).rejects.toBe(reason);
    await expect.poll(() => ollama.sockets.size).toBe(0);
  });

  it('finishes what runs when it is disposed, disposes twice, and refuses what comes after', async () => {
    const model = await load();
    const running = [model.ask?.(features(1), never), model.ask?.(features(2), never)];
    await Promise.all([model.dispose(), model.dispose()]);
    expect((await Promise.all(running)).map((answer) => answer?.value)).toEqual([value(1), value(2)]);
    await expect(model.ask?.(features(3), never)).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  });

  it.each(['', '{"mo', '<html>', '[]', '{"a":1}', '{"mode":"sing"}', 'x'.repeat(100_000)])(
    'refuses to load %.20j',
    async (content) => {
      const error = await load(content).then(
        () => expect.fail('the package loaded'),
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: 'MODEL_LOAD_FAILED' });
      expect((error as AppError).message).not.toMatch(/\/tmp|tiny-model-/);
    },
  );

  it('refuses a device that is not there', async () => {
    const files = await tinyPackage({ 'model.json': JSON.stringify(description) });
    await expect(backend().load(files, { device: 'abacus' })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('abacus'),
    });
  });
});
