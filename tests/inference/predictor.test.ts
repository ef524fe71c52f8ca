import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { describe as describeModel } from '../../src/inference/predictor.ts';
import { refusal } from '../support/codes.ts';
import { localPackage, model, textModel } from '../support/models.ts';
import { asked, noTime, predictorOf, y } from '../support/predictor.ts';

describe('the time of a prediction', () => {
  it('is waiting, tokenising, running and what follows', async () => {
    const timing = { queueMs: 999, tokenizeMs: 2, runMs: 5, postMs: 1 };
    const { predictor } = predictorOf({ outputs: { y }, timing }, 100, 120, 123);
    const { timing: told, latencyMs } = await predictor.predict(model(), { x: [1, 2] });
    expect(told).toEqual({ queueMs: 12, tokenizeMs: 2, runMs: 5, postMs: 4 });
    expect(latencyMs).toBe(23);
  });

  it('never waits less than nothing, though the clocks of two processes disagree', async () => {
    const ms = fc.double({ min: 0, max: 1000, noNaN: true });
    await fc.assert(
      fc.asyncProperty(ms, ms, ms, ms, ms, async (tokenizeMs, runMs, postMs, engineMs, interpretMs) => {
        const { predictor } = predictorOf(
          { outputs: { y }, timing: { queueMs: 0, tokenizeMs, runMs, postMs } },
          0,
          engineMs,
          engineMs + interpretMs,
        );
        const { timing, latencyMs } = await predictor.predict(model(), { x: [1, 2] });
        expect(Math.min(...Object.values(timing))).toBeGreaterThanOrEqual(0);
        expect(latencyMs).toBe(timing.queueMs + timing.tokenizeMs + timing.runMs + timing.postMs);
        expect(latencyMs).toBeCloseTo(Math.max(engineMs, tokenizeMs + runMs + postMs) + interpretMs, 6);
      }),
    );
  });
});

describe('options', () => {
  it.each([
    [undefined, undefined, 30_000],
    [100, undefined, 100],
    [60_000, undefined, 30_000],
    [undefined, 500, 500],
    [100, 500, 100],
    [1000, 500, 500],
    [100_000, 90_000, 90_000],
  ])('timeoutMs %s with the model’s %s is %d', async (given, own, used) => {
    const parts = predictorOf({ outputs: { y }, timing: noTime });
    const metadata = own === undefined ? {} : { serving: { timeoutMs: own } };
    await parts.predictor.predict(model({ metadata }), { x: [1, 2] }, { timeoutMs: given });
    expect(asked(parts)[2]).toEqual({ timeoutMs: used });
  });

  it('raw adds the outputs, and nothing else does', async () => {
    const { predictor } = predictorOf({ outputs: { y }, timing: noTime });
    const classifier = model({ metadata: { taskType: 'classification' } });
    expect(await predictor.predict(classifier, { x: [1, 2] })).not.toHaveProperty('outputs');
    const raw = await predictor.predict(classifier, { x: [1, 2] }, { raw: true });
    expect(raw).toMatchObject({
      prediction: { index: 1 },
      confidence: 0.75,
      outputs: { y: { dtype: 'float32', shape: [1, 2], data: [0.25, 0.75] } },
    });
  });
});

describe('what the engine is asked', () => {
  it('tensors of a tensor model', async () => {
    const parts = predictorOf({ outputs: { y }, timing: noTime });
    await parts.predictor.predict(model(), {
      x: [
        [1, 2],
        [3, 4],
      ],
    });
    expect(asked(parts)[1]).toEqual({
      kind: 'tensors',
      tensors: { x: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } },
    });
  });

  it('texts of a text model, and the vectors come beside the prediction', async () => {
    const embedding = { dtype: 'float32' as const, shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) };
    const parts = predictorOf({ outputs: { embedding }, timing: noTime, truncated: [1], promptTokens: 9 });
    const answer = await parts.predictor.predict(textModel(), { texts: ['a', 'b'] }, { normalize: false });
    expect(asked(parts)[1]).toEqual({ kind: 'texts', texts: ['a', 'b'], normalize: false });
    expect(answer).toMatchObject({
      truncated: [1],
      promptTokens: 9,
      vectors: { data: embedding.data, dimension: 2 },
      confidence: null,
    });
    expect(JSON.parse(JSON.stringify(answer.prediction))).toEqual({
      embeddings: [
        [1, 0],
        [0, 1],
      ],
      embedding: [1, 0],
    });
  });

  it('tensors of a text model too, when they are named', async () => {
    const parts = predictorOf({ outputs: { y }, timing: noTime });
    const { vectors } = await parts.predictor.predict(textModel(), { input_ids: [[7, 8]] });
    expect(asked(parts)[1]).toMatchObject({
      kind: 'tensors',
      tensors: { input_ids: { shape: [1, 2], data: BigInt64Array.of(7n, 8n) } },
    });
    expect(vectors).toBeUndefined();
  });

  it('nothing when the features are wrong: no package is fetched for them', async () => {
    const parts = predictorOf({ outputs: { y }, timing: noTime });
    expect((await refusal(() => parts.predictor.predict(model(), { z: 1 }))).code).toBe('INPUT_NAME');
    const untokenised = model({ metadata: { taskType: 'text-embedding' } });
    expect(await refusal(() => parts.predictor.predict(untokenised, { texts: ['a'] }))).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('tokenizer.json'),
    });
    expect(parts.packageOf).not.toHaveBeenCalled();
  });

  it('and its refusals pass through', async () => {
    const { predictor } = predictorOf(new AppError('MODEL_QUARANTINED', 'no'));
    expect((await refusal(() => predictor.predict(model(), { x: [1, 2] }))).code).toBe('MODEL_QUARANTINED');
  });
});

describe('how the engine knows a model', () => {
  it.each([
    ['production', 'production'],
    ['staging', 'candidates'],
    ['candidate', 'candidates'],
    ['archived', 'candidates'],
  ] as const)('%s runs with the %s', async (stage, serves) => {
    expect((await predictorOf({ outputs: {}, timing: noTime }).predictor.engineModel(model({ stage }))).serves).toBe(
      serves,
    );
  });

  it('by its package and the metadata that changes how it is loaded', () => {
    const metadata = {
      author: 'ann',
      ml_config: { pooling: 'cls' as const, normalization: false, max_sequence_length: 128 },
      serving: { device: 'cuda', threads: 2, timeoutMs: 700 },
    };
    expect(describeModel(localPackage, 'onnx', metadata, 'production', 30_000)).toEqual({
      ...localPackage,
      framework: 'onnx',
      serves: 'production',
      runTimeoutMs: 700,
      device: 'cuda',
      threads: 2,
      pooling: 'cls',
      normalize: false,
      maxTokens: 128,
    });
    expect(describeModel(localPackage, 'onnx', {}, 'candidates', 5)).toEqual({
      ...localPackage,
      framework: 'onnx',
      serves: 'candidates',
      runTimeoutMs: 5,
    });
  });

  it('anew after a reload, out of quarantine', async () => {
    const { engine, predictor } = predictorOf({ outputs: {}, timing: noTime });
    expect(await predictor.reload(model())).toBe(12);
    const order = [engine.release, engine.unload, engine.load].map(({ mock }) => mock.invocationCallOrder[0]);
    expect(order).toEqual(order.toSorted());
    expect(engine.release).toHaveBeenCalledWith(model().digest);
  });
});

describe('a package that was removed while it was loaded', () => {
  const result = { outputs: { y }, timing: noTime };
  const gone = new AppError('MODEL_LOAD_FAILED', 'no such file');

  it('is asked for anew, once', async () => {
    const parts = predictorOf(result);
    parts.engine.predict.mockRejectedValueOnce(gone);
    parts.isGone.mockResolvedValueOnce(true);
    expect((await parts.predictor.predict(model(), { x: [1, 2] })).prediction).toBeDefined();
    expect(parts.packageOf).toHaveBeenCalledTimes(2);
  });

  it('is a model that is gone when nobody has it any more', async () => {
    const parts = predictorOf(gone);
    parts.isGone.mockResolvedValue(true);
    parts.packageOf.mockResolvedValueOnce(localPackage).mockRejectedValueOnce(new AppError('MODEL_NOT_FOUND', 'gone'));
    expect((await refusal(() => parts.predictor.predict(model(), { x: [1, 2] }))).code).toBe('MODEL_NOT_FOUND');
  });

  it('is the only reason to try again', async () => {
    const there = predictorOf(gone);
    expect((await refusal(() => there.predictor.predict(model(), { x: [1, 2] }))).code).toBe('MODEL_LOAD_FAILED');
    const refused = predictorOf(new AppError('INPUT_SHAPE', 'wrong'));
    refused.isGone.mockResolvedValue(true);
    expect((await refusal(() => refused.predictor.predict(model(), { x: [1, 2] }))).code).toBe('INPUT_SHAPE');
    for (const { engine } of [there, refused]) expect(engine.predict).toHaveBeenCalledTimes(1);
  });

  it('is asked for anew by a reload too', async () => {
    const parts = predictorOf(result);
    parts.engine.load.mockRejectedValueOnce(gone);
    parts.isGone.mockResolvedValueOnce(true);
    await parts.predictor.reload(model());
    expect(parts.engine.load).toHaveBeenCalledTimes(2);
  });
});
