import { describe, expect, it } from 'vitest';
import type { EngineResult } from '../../../src/inference/engine.ts';
import { LocalEngine } from '../../../src/inference/local-engine.ts';
import { BehavingBackend } from '../../support/runner-backend.ts';
import { behavingModel, numbersOf, row } from '../../support/runner-fixture.ts';

const soon = { timeoutMs: 5000 };

function newEngine() {
  const runs: number[] = [];
  const engine = new LocalEngine({
    backends: { onnx: () => new BehavingBackend({ onRun: (rows) => runs.push(rows) }) },
    inspect: async () => ({ inputs: [] }),
    openText: async () => undefined,
  });
  /** Runs `count` requests that wait together and gives the rows of each run it took. */
  const together = async (entry: string, count: number, values = (i: number) => i + 1) => {
    runs.length = 0;
    const answers = await Promise.allSettled(
      Array.from({ length: count }, (_, i) => engine.predict(behavingModel(entry), row(values(i)), soon)),
    );
    // A trial's merged run follows the answers.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    return { answers, runs: [...runs] };
  };
  return { engine, together };
}

const answerOf = (settled: PromiseSettledResult<EngineResult> | undefined) =>
  settled?.status === 'fulfilled' ? numbersOf(settled.value)[0] : settled?.reason.code;

describe('merging requests along axis 0', () => {
  it('is tried three times, then done', async () => {
    const { together } = newEngine();
    for (let trial = 0; trial < 3; trial++) expect((await together('double', 3)).runs).toEqual([1, 1, 1, 3]);
    const { answers, runs } = await together('double', 3);
    expect(runs).toEqual([3]);
    expect(answers.map(answerOf)).toEqual([2, 4, 6]);
  });

  it('caps the rows of one run at 64', async () => {
    const { together } = newEngine();
    for (let trial = 0; trial < 3; trial++) await together('double', 2);
    const { answers, runs } = await together('double', 150);
    expect(runs).toEqual([64, 64, 22]);
    expect(answers.map(answerOf)).toEqual(Array.from({ length: 150 }, (_, i) => (i + 1) * 2));
  });

  it('is forbidden for ever when one trial disagrees', async () => {
    const { together } = newEngine();
    expect((await together('mixing', 2)).runs).toEqual([1, 1, 2]);
    for (let again = 0; again < 3; again++) expect((await together('mixing', 3)).runs).toEqual([1, 1, 1]);
  });

  it('is never tried when the shapes are fixed', async () => {
    const { together } = newEngine();
    expect((await together('fixed', 4)).runs).toEqual([1, 1, 1, 1]);
  });

  it('lets one bad request fail alone', async () => {
    const { together } = newEngine();
    for (let trial = 0; trial < 3; trial++) await together('picky', 2);
    expect((await together('picky', 2)).runs).toEqual([2]);
    const { answers, runs } = await together('picky', 3, (i) => (i === 1 ? -5 : 5));
    expect(answers.map(answerOf)).toEqual([10, 'BACKEND_FAILED', 10]);
    expect(runs).toEqual([3, 1, 1, 1]);
  });
});

describe('turns', () => {
  it('go round the models, so a busy one does not starve the others', async () => {
    const order: string[] = [];
    const { engine } = newEngine();
    const ask = (entry: string) => engine.predict(behavingModel(entry), row(1), soon).then(() => order.push(entry));
    await Promise.all(['slow:1', 'fixed', 'picky'].map((entry) => engine.load(behavingModel(entry))));
    await Promise.all([...Array.from({ length: 50 }, () => ask('slow:1')), ask('fixed'), ask('picky')]);
    expect(order.indexOf('fixed')).toBeLessThan(10);
    expect(order.indexOf('picky')).toBeLessThan(10);
  });

  it('answer INFERENCE_TIMEOUT to what waited past its deadline, without running it', async () => {
    const { engine, together } = newEngine();
    await together('slow:60', 1);
    await together('fixed', 1);
    const first = engine.predict(behavingModel('slow:60'), row(1), soon);
    const late = engine.predict(behavingModel('fixed'), row(1), { timeoutMs: 20 });
    await expect(late).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    await first;
  });
});
