import { describe, expect, it } from 'vitest';
import { MergeProofs } from '../../../src/inference/batching/merge-proof.ts';
import { monotonicMs } from '../../../src/inference/batching/monotonic.ts';
import { Pending } from '../../../src/inference/batching/pending.ts';
import { TensorLane } from '../../../src/inference/batching/tensor-lane.ts';
import { TextLane, type TextModel } from '../../../src/inference/batching/text-lane.ts';
import type { EngineResult } from '../../../src/inference/engine.ts';
import type { TensorMap } from '../../../src/lib/tensor.ts';
import { refusal } from '../../support/codes.ts';

const pendingOf = (timeoutMs = 5000) => new Pending<EngineResult>(monotonicMs() + timeoutMs, monotonicMs());
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A lane over `y = 2 x`, both float32 `[-1, …]`, with the rows of each run. */
function tensorLane(proven = false) {
  const runs: number[] = [];
  const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: [-1, -1] });
  const proofs = new MergeProofs();
  for (let trial = 0; proven && trial < 3; trial++) proofs.record('d', true);
  const lane = new TensorLane({
    digest: 'd',
    proofs,
    model: {
      inputs: [spec('x')],
      outputs: [spec('y')],
      predict: async ({ x }) => {
        runs.push(x?.shape[0] ?? -1);
        return { y: { dtype: 'float32', shape: x?.shape ?? [], data: (x?.data as Float32Array).map((n) => n * 2) } };
      },
    },
    watched: (run) => run(),
  });
  const add = (rows: number, columns = 1, timeoutMs = 5000) => {
    const data = new Float32Array(rows * columns).fill(rows);
    const inputs: TensorMap = { x: { dtype: 'float32', shape: [rows, columns], data } };
    const pending = pendingOf(timeoutMs);
    pending.result.catch(() => {});
    lane.add({ inputs, pending });
    return pending;
  };
  return { lane, add, runs, proofs };
}

describe('a turn of requests for tensors', () => {
  it('joins those that fit, in their order, and gives each its own rows', async () => {
    const { lane, add, runs } = tensorLane(true);
    const asked = [add(1), add(2, 3), add(2), add(3)];
    await lane.runTurn();
    expect(runs).toEqual([6]);
    expect(lane.hasWork()).toBe(true);
    await lane.runTurn();
    expect(runs).toEqual([6, 2]);
    expect(lane.hasWork()).toBe(false);
    for (const [at, [rows, columns]] of [
      [1, 1],
      [2, 3],
      [2, 1],
      [3, 1],
    ].entries()) {
      const { y } = (await asked[at]?.result)?.outputs ?? {};
      expect(y?.shape).toEqual([rows, columns]);
      expect([...(y?.data as Float32Array)]).toEqual(
        new Array((rows as number) * (columns as number)).fill(2 * (rows as number)),
      );
    }
  });

  it('joins 64 rows at most, and four million elements', async () => {
    const { lane, add, runs } = tensorLane(true);
    for (const rows of [60, 4, 1, 3]) add(rows);
    await lane.runTurn();
    await lane.runTurn();
    expect(runs).toEqual([64, 4]);
    const wide = tensorLane(true);
    for (const rows of [1, 2, 1, 1]) wide.add(rows, 2 ** 20);
    await wide.lane.runTurn();
    await wide.lane.runTurn();
    expect(wide.runs).toEqual([4, 1]);
  });

  it('tries four at most while nothing is proven, and looks at them together after they are answered', async () => {
    const { lane, add, runs, proofs } = tensorLane();
    for (let id = 0; id < 6; id++) add(1);
    await lane.runTurn();
    expect(runs).toEqual([1, 1, 1, 1, 4]);
    expect(proofs.verdict('d')).toBe('unproven');
    await lane.runTurn();
    expect(runs.slice(5)).toEqual([1, 1, 2]);
    add(1);
    add(1);
    await lane.runTurn();
    expect(proofs.verdict('d')).toBe('allowed');
  });

  it('runs nothing for those who have left, or whose time is over', async () => {
    const { lane, add, runs } = tensorLane(true);
    const [late, left] = [add(1, 1, -1), add(1)];
    left.reject(new Error('gone'));
    await lane.runTurn();
    expect(runs).toEqual([]);
    expect(lane.hasWork()).toBe(false);
    expect((await refusal(() => late.result)).code).toBe('INFERENCE_TIMEOUT');
    const [leaving, staying] = [add(1), add(2)];
    leaving.reject(new Error('gone'));
    await lane.runTurn();
    expect(runs).toEqual([2]);
    expect((await staying.result).timing).toMatchObject({ tokenizeMs: 0 });
  });
});

/** A model whose vector of a text is its length, twice; `bad` is a text that it cannot take. */
function textLane(own: Partial<TextModel> = {}) {
  const runs: number[][] = [];
  const model = {
    company: 'any' as const,
    info: { dimension: 2, maxTokens: 5, pooling: 'mean' as const, normalize: false },
    tokenize: (texts: readonly string[]) => {
      if (texts.includes('untokenisable')) throw new Error('no tokens');
      return texts.map(({ length }) => ({ length: Math.min(length, 5), truncated: length > 5 }));
    },
    encodeBatch: async (units: readonly { length: number }[]) => {
      runs.push(units.map(({ length }) => length));
      if (units.some(({ length }) => length === 3)) throw new Error('bad');
      return Float32Array.from(units.flatMap(({ length }) => [length, length]));
    },
    ...own,
  };
  const lane = new TextLane({ model, watched: (run) => run() });
  const add = (texts: readonly string[], timeoutMs = 5000, normalize = false) => {
    const pending = pendingOf(timeoutMs);
    pending.result.catch(() => {});
    lane.add({ texts, normalize, pending });
    return pending;
  };
  const drain = async () => {
    for (let turns = 0; lane.hasWork() && turns < 100; turns++) {
      await lane.runTurn();
      await turn();
    }
  };
  return { lane, add, drain, runs };
}

const rowsOf = async ({ result }: Pending<EngineResult>) =>
  [...((await result).outputs.embedding?.data as Float32Array)].filter((_, at) => at % 2 === 0);

describe('turns of requests for texts', () => {
  it('give each its vectors in order, its tokens and what was cut', async () => {
    const { add, drain } = textLane();
    const [many, one, none] = [add(['aaaa', 'a', 'aaaaaaaa']), add(['aa']), add([])];
    await drain();
    expect(await rowsOf(many)).toEqual([4, 1, 5]);
    expect(await many.result).toMatchObject({
      outputs: { embedding: { dtype: 'float32', shape: [3, 2] } },
      promptTokens: 10,
      truncated: [2],
    });
    expect(await one.result).toMatchObject({ promptTokens: 2, truncated: [] });
    expect((await none.result).outputs.embedding?.shape).toEqual([0, 2]);
    const { timing } = await many.result;
    for (const ms of Object.values(timing)) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(2000);
    }
  });

  it('never join texts whose vectors are to be scaled with those that are not', async () => {
    const { add, drain, runs } = textLane();
    for (const normalize of [true, false, true, false]) add(['aa'], 5000, normalize);
    await drain();
    expect(runs).toEqual([
      [2, 2],
      [2, 2],
    ]);
  });

  it('let a bad text fail alone, with the request it is of', async () => {
    const { add, drain } = textLane();
    const [good, bad, other, odd] = [add(['aa', 'a']), add(['aa', 'aaa']), add(['aaaa']), add(['untokenisable'])];
    await drain();
    expect(await rowsOf(good)).toEqual([2, 1]);
    expect(await rowsOf(other)).toEqual([4]);
    await expect(bad.result).rejects.toThrow('bad');
    await expect(odd.result).rejects.toThrow('no tokens');
  });

  it('drop what nobody waits for any more', async () => {
    const { lane, add, drain, runs } = textLane({ company: 'none' });
    const [left, stays, late] = [add(['aa', 'aa', 'aa']), add(['a']), add(['aaaa'], -1)];
    await lane.runTurn();
    left.reject(new Error('gone'));
    await drain();
    expect(runs).toEqual([[2], [1]]);
    expect(await rowsOf(stays)).toEqual([1]);
    expect((await refusal(() => late.result)).code).toBe('INFERENCE_TIMEOUT');
    expect(lane.hasWork()).toBe(false);
  });

  it('refuse vectors of a size that the package does not say', async () => {
    const { add, drain } = textLane({ encodeBatch: async () => new Float32Array(3) });
    const asked = add(['aa']);
    await drain();
    const error = await refusal(() => asked.result);
    expect([error.code, error.message]).toEqual(['BACKEND_FAILED', expect.stringContaining('Expected 1 × 2 numbers')]);
    expect(error.message).toContain('got 3');
  });
});
