import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TextModel, TokenizedText } from '../../../src/inference/batching/text-lane.ts';
import type { EngineInput } from '../../../src/inference/engine.ts';
import { LocalEngine } from '../../../src/inference/local-engine.ts';
import type { Tensor } from '../../../src/lib/tensor.ts';
import { BehavingBackend, type BehavingBackendEvents } from '../../support/runner-backend.ts';
import { behavingModel } from '../../support/runner-fixture.ts';

interface Unit extends TokenizedText {
  readonly text: string;
}

/** Every character is a token; a text's vector is its number and its length; texts that contain "!" fail. */
const countingText: TextModel<Unit> = {
  company: 'any',
  info: { dimension: 2, maxTokens: 64, pooling: 'mean', normalize: false },
  tokenize: (texts) => texts.map((text) => ({ text, length: Math.min(text.length, 64), truncated: text.length > 64 })),
  encodeBatch: async (units) => {
    if (units.some(({ text }) => text.includes('!'))) throw new Error('cannot read "!"');
    return Float32Array.from(units.flatMap(({ text, length }) => [Number.parseInt(text, 10), length]));
  },
};

const newEngine = (events: BehavingBackendEvents = {}, limits: { maxModels?: number } = {}) =>
  new LocalEngine({
    backends: { onnx: () => new BehavingBackend(events) },
    inspect: async () => ({ inputs: [] }),
    openText: async () => countingText as TextModel,
    queueLimit: 10_000,
    ...limits,
  });

const models = ['double', 'picky', 'mixing', 'fixed', 'double'].map((entry, i) =>
  behavingModel(entry, { name: String(i) }),
);

/** A request with what becomes of it: when it is sent, when it is given up, and how many rows or texts it has. */
const request = fc.record({
  model: fc.nat(models.length - 1),
  kind: fc.constantFrom('tensors', 'texts'),
  parts: fc.integer({ min: 1, max: 12 }),
  bad: fc.boolean(),
  wait: fc.nat(3),
  abortAfter: fc.option(fc.nat(3), { freq: 4, nil: undefined }),
  length: fc.integer({ min: 1, max: 90 }),
});

describe('requests that are batched together', () => {
  it('each get their own answer, whatever the others do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 60 }), async (requests) => {
        const engine = newEngine();
        await Promise.all(
          requests.map(async ({ model, kind, parts, bad, wait, abortAfter, length }, index) => {
            for (let i = 0; i < wait; i++) await new Promise((resolve) => setImmediate(resolve));
            const chosen = models[model] as (typeof models)[number];
            const rows = chosen.entry === 'fixed' ? 1 : parts;
            const sign = bad ? -1 : 1;
            const data = Float32Array.from({ length: rows * 2 }, (_, i) => sign * (index * 100 + i + 1));
            const texts = Array.from({ length: parts }, (_, i) =>
              `${index * 100 + i}`.padEnd(length + i, bad && i === 0 ? '!' : '.'),
            );
            const input: EngineInput =
              kind === 'tensors'
                ? { kind: 'tensors', tensors: { x: { dtype: 'float32', shape: [rows, 2], data } } }
                : { kind: 'texts', texts };
            const controller = new AbortController();
            const answer = engine.predict(chosen, input, { timeoutMs: 20_000, signal: controller.signal });
            answer.catch(() => {});
            if (abortAfter !== undefined) {
              for (let i = 0; i < abortAfter; i++) await new Promise((resolve) => setImmediate(resolve));
              controller.abort(new Error('given up'));
            }
            const settled = await answer.catch((error) => error);
            if (settled instanceof Error) {
              const fails =
                kind === 'tensors' ? bad && chosen.entry === 'picky' : bad && length > `${index * 100}`.length;
              if (settled.message === 'given up') expect(abortAfter).toBeDefined();
              else expect(fails, settled.message).toBe(true);
              return;
            }
            if (kind === 'texts') {
              expect(settled.outputs.embedding?.shape).toEqual([parts, 2]);
              expect([...((settled.outputs.embedding as Tensor).data as Float32Array)]).toEqual(
                texts.flatMap((text) => [Number.parseInt(text, 10), Math.min(64, text.length)]),
              );
              expect(settled.truncated).toEqual(texts.flatMap((text, i) => (text.length > 64 ? [i] : [])));
              expect(settled.promptTokens).toBe(texts.reduce((sum, text) => sum + Math.min(64, text.length), 0));
              return;
            }
            const doubled = [...data].map((value) => value * 2);
            const total = doubled.reduce((sum, value) => sum + value, 0);
            expect(settled.outputs.y?.shape).toEqual([rows, 2]);
            expect([...((settled.outputs.y as Tensor).data as Float32Array)]).toEqual(
              chosen.entry === 'mixing' ? doubled.map(() => Math.fround(total)) : doubled,
            );
          }),
        );
        const { queues } = await engine.status();
        expect(queues).toMatchObject({ inFlight: 0, queued: 0 });
        await engine.close();
      }),
      { numRuns: 150, seed: 7 },
    );
  }, 60_000);
});
