import { describe, expect, it } from 'vitest';
import type { TextModel, TokenizedText } from '../../../src/inference/batching/text-lane.ts';
import { LocalEngine } from '../../../src/inference/local-engine.ts';
import type { Tensor } from '../../../src/lib/tensor.ts';
import { BehavingBackend } from '../../support/runner-backend.ts';
import { behavingModel } from '../../support/runner-fixture.ts';

interface Unit extends TokenizedText {
  readonly text: string;
}

/** Remembers which texts shared a run. A text is "request:number". */
function watchedEngine(company: TextModel['company']) {
  const runs: string[][] = [];
  const model: TextModel<Unit> = {
    company,
    info: { dimension: 1, maxTokens: 64, pooling: 'mean', normalize: false },
    tokenize: (texts) => texts.map((text) => ({ text, length: 8, truncated: false })),
    async encodeBatch(units) {
      runs.push(units.map(({ text }) => text));
      return Float32Array.from(units, ({ text }) => Number(text.split(':')[1]));
    },
  };
  const engine = new LocalEngine({
    backends: { onnx: () => new BehavingBackend({}) },
    inspect: async () => ({ inputs: [] }),
    openText: async () => model as TextModel,
  });
  return { engine, runs };
}

async function ask(engine: LocalEngine, request: string, count: number) {
  const texts = Array.from({ length: count }, (_, index) => `${request}:${index}`);
  const { outputs } = await engine.predict(behavingModel('double'), { kind: 'texts', texts }, { timeoutMs: 5000 });
  expect([...((outputs.embedding as Tensor).data as Float32Array)]).toEqual(texts.map((_, index) => index));
}

const requestsOf = (run: readonly string[]) => new Set(run.map((text) => text.split(':')[0]));

describe('texts share a run', () => {
  it('with those of any request, where that changes nothing', async () => {
    const { engine, runs } = watchedEngine('any');
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((request) => ask(engine, request, 3)));
    expect(runs.some((run) => requestsOf(run).size > 1)).toBe(true);
    expect(Math.max(...runs.map(({ length }) => length))).toBe(8);
  });

  it('with those of their own large request, where neighbours move a vector', async () => {
    const { engine, runs } = watchedEngine('own');
    await Promise.all([ask(engine, 'large', 32), ask(engine, 'other', 16), ask(engine, 'small', 15)]);
    expect(runs.every((run) => requestsOf(run).size === 1)).toBe(true);
    const sizes = (request: string) => runs.filter(([text]) => text?.startsWith(request)).map(({ length }) => length);
    expect(sizes('large')).toEqual([8, 8, 8, 8]);
    expect(sizes('other')).toEqual([8, 8]);
    expect(sizes('small')).toEqual(Array(15).fill(1));
  });

  it('with none, where the model takes one at a time', async () => {
    const { engine, runs } = watchedEngine('none');
    await Promise.all([ask(engine, 'a', 20), ask(engine, 'b', 20)]);
    expect(runs.every(({ length }) => length === 1)).toBe(true);
  });
});
