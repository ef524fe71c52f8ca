import { describe, expect, it } from 'vitest';
import type { LoadedModel } from '../../../src/inference/backend.ts';
import { MergeProofs } from '../../../src/inference/batching/merge-proof.ts';
import { monotonicMs } from '../../../src/inference/batching/monotonic.ts';
import { Pending } from '../../../src/inference/batching/pending.ts';
import { ResidentModel } from '../../../src/inference/batching/resident-model.ts';
import type { TextModel } from '../../../src/inference/batching/text-lane.ts';
import type { EngineInput, EngineResult } from '../../../src/inference/engine.ts';
import { refusal } from '../../support/codes.ts';
import { behavingModel, numbersOf, row } from '../../support/runner-fixture.ts';

const doubling: LoadedModel = {
  inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 2] }],
  memoryBytes: 77,
  predict: async ({ x }) => ({
    y: { dtype: 'float32', shape: x?.shape ?? [], data: (x?.data as Float32Array).map((value) => value * 2) },
  }),
  dispose: async () => {},
};

/** Gives each text the vector `[length]`, or `[1]` where it is to be scaled. */
const measuring: TextModel = {
  company: 'any',
  info: { dimension: 1, maxTokens: 8, pooling: 'mean', normalize: true },
  tokenize: (texts) => texts.map(({ length }) => ({ length, truncated: false })),
  encodeBatch: async (units, how) => Float32Array.from(units, ({ length }) => (how?.normalize ? 1 : length)),
};

function resident(own: Partial<LoadedModel> = {}, text?: TextModel, anyShape: readonly string[] = []) {
  const watched: unknown[][] = [];
  const model = behavingModel('double', { runTimeoutMs: 1000 });
  const made = new ResidentModel({
    model,
    loaded: { ...doubling, ...own },
    text,
    loadMs: 5,
    anyShape: new Set(anyShape),
    proofs: new MergeProofs(),
    watch: {
      begin: (...told) => void watched.push(['begin', ...told]),
      extend: (...told) => void watched.push(['extend', ...told]),
      end: () => void watched.push(['end']),
    },
  });
  const ask = async (input: EngineInput, waitedMs = 0): Promise<EngineResult> => {
    const now = monotonicMs();
    const pending = new Pending<EngineResult>(now + 5000, now - waitedMs);
    await made.add(input, pending).runTurn();
    return pending.result;
  };
  return { made, ask, watched, digest: model.digest };
}

const texts = (normalize?: boolean): EngineInput => ({
  kind: 'texts',
  texts: ['four'],
  ...(normalize !== undefined && { normalize }),
});

describe('a loaded model', () => {
  it('says of itself what it loaded, and no more', () => {
    const { inputs, outputs } = doubling;
    expect(resident().made.info).toEqual({ inputs, outputs, memoryBytes: 77, loadMs: 5 });
    const fields = { inputs: [{ name: 'texts', type: 'array' }], outputs: [] };
    expect(resident({ fields }, measuring).made.info).toMatchObject({ fields, text: measuring.info });
    expect(resident().made.memoryBytes).toBe(77);
  });

  it('answers tensors, in any shape only where its package says none', async () => {
    expect(numbersOf(await resident().ask(row(1, 2)))).toEqual([2, 4]);
    const flat: EngineInput = {
      kind: 'tensors',
      tensors: { x: { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } },
    };
    expect((await refusal(() => resident().ask(flat))).code).toBe('INPUT_SHAPE');
    expect(numbersOf(await resident({}, undefined, ['x']).ask(flat))).toEqual([2, 4]);
  });

  it('scales vectors of texts as it was made to, unless the caller says otherwise', async () => {
    const vectorOf = async (input: EngineInput) => (await resident({}, measuring).ask(input)).outputs.embedding?.data;
    expect(await vectorOf(texts())).toEqual(Float32Array.of(1));
    expect(await vectorOf(texts(true))).toEqual(Float32Array.of(1));
    expect(await vectorOf(texts(false))).toEqual(Float32Array.of(4));
  });

  it('hands features on as they came, with how they are to be answered', async () => {
    const asked: unknown[] = [];
    const { ask } = resident({
      ask: async (features, { signal, onStep, ...how }) => {
        asked.push(features, how, signal.aborted);
        return { value: 'said', confidence: 0.5 };
      },
    });
    const input: EngineInput = { kind: 'features', features: { a: [1] }, normalize: true, generation: { seed: 1 } };
    expect(await ask(input)).toMatchObject({ value: 'said', confidence: 0.5, outputs: {} });
    expect(asked).toEqual([{ a: [1] }, { normalize: true, generation: { seed: 1 } }, false]);
  });

  it('refuses what it cannot read, and says what it reads', async () => {
    const features = await refusal(() => resident().ask({ kind: 'features', features: {} }));
    expect([features.code, features.message]).toEqual(['INVALID_INPUT', expect.stringContaining('tensors or texts')]);
    const words = await refusal(() => resident().ask(texts()));
    expect([words.code, words.message]).toEqual(['INVALID_INPUT', expect.stringContaining('no tokenizer')]);
  });

  it('says no word of what broke unforeseen', async () => {
    const broken = async () => {
      throw new TypeError('x.y is no function');
    };
    const error = await refusal(() => resident({ predict: broken }).ask(row(1)));
    expect(error.code).toBe('BACKEND_FAILED');
    expect(error.message).not.toContain('x.y');
  });
});

describe('the watchdog', () => {
  it('hears of each run, whose it is and how long it may take', async () => {
    const { ask, watched, digest } = resident();
    await ask(row(1));
    expect(watched).toEqual([['begin', digest, 'run', expect.any(Number)], ['end']]);
    expect(watched[0]?.[3]).toBeGreaterThanOrEqual(900);
    expect(watched[0]?.[3]).toBeLessThanOrEqual(1000);
  });

  it('takes off what the request has waited, up to a tenth', async () => {
    const limitAfter = async (waitedMs: number) => {
      const { ask, watched } = resident();
      await ask(row(1), waitedMs);
      return watched[0]?.[3] as number;
    };
    expect(await limitAfter(50)).toBeLessThanOrEqual(950);
    expect(await limitAfter(50)).toBeGreaterThanOrEqual(900);
    expect(await limitAfter(100)).toBe(900);
    expect(await limitAfter(5000)).toBe(900);
  });

  it('heeds the limit of the last request, and gives each step of a pipeline all of it', async () => {
    const { made, ask, watched } = resident({
      ask: async (_features, { onStep }) => {
        onStep?.();
        return { value: 1 };
      },
    });
    made.runTimeoutMs = 200;
    await ask({ kind: 'features', features: {} });
    expect(watched.map(([what]) => what)).toEqual(['begin', 'extend', 'end']);
    expect(watched[1]).toEqual(['extend', 200]);
    expect(watched[0]?.[3]).toBeLessThanOrEqual(200);
  });
});
