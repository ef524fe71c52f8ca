import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { refusal } from '../support/codes.ts';
import { localPackage, model } from '../support/models.ts';
import { asked, noTime, predictorOf, y } from '../support/predictor.ts';

describe('a package', () => {
  const result = { outputs: { y }, timing: noTime };

  it('is fetched once for a model, and known again by the same object', async () => {
    const { predictor, packageOf } = predictorOf(result);
    const one = model();
    expect(await predictor.engineModel(one)).toBe(await predictor.engineModel(one));
    await predictor.predict(one, { x: [1, 2] });
    expect(packageOf).toHaveBeenCalledTimes(1);
    await predictor.engineModel(model());
    expect(packageOf).toHaveBeenCalledTimes(2);
  });

  it('that cannot be had is asked for again after a while, anything else at once', async () => {
    const missing = predictorOf(result, 0);
    missing.packageOf.mockRejectedValue(new AppError('MODEL_UNAVAILABLE', 'the store is away'));
    for (let again = 0; again < 3; again++) {
      const error = await refusal(() => missing.predictor.predict(model(), { x: [1, 2] }));
      expect(error).toMatchObject({ code: 'MODEL_UNAVAILABLE', message: expect.stringContaining('the store is away') });
    }
    expect(missing.packageOf).toHaveBeenCalledTimes(1);
    const deleted = predictorOf(result, 0);
    deleted.packageOf.mockRejectedValue(new AppError('MODEL_NOT_FOUND', 'gone'));
    for (let again = 0; again < 3; again++)
      expect((await refusal(() => deleted.predictor.predict(model(), { x: [1, 2] }))).code).toBe('MODEL_NOT_FOUND');
    expect(deleted.packageOf).toHaveBeenCalledTimes(3);
  });

  it.each(['DIGEST_MISMATCH', 'MODEL_UNAVAILABLE'] as const)('may have gone when %s is said', async (code) => {
    const parts = predictorOf(result);
    parts.engine.predict.mockRejectedValueOnce(new AppError(code, 'no'));
    parts.isGone.mockResolvedValueOnce(true);
    expect((await parts.predictor.predict(model(), { x: [1, 2] })).confidence).toBeNull();
    expect(parts.engine.unload).toHaveBeenCalledWith(model().digest);
    expect(parts.isGone).toHaveBeenCalledWith(expect.objectContaining(localPackage));
  });

  it('has not gone when anything else breaks', async () => {
    const parts = predictorOf(result);
    parts.engine.predict.mockRejectedValueOnce(new TypeError('broken'));
    parts.isGone.mockResolvedValue(true);
    await expect(parts.predictor.predict(model(), { x: [1, 2] })).rejects.toThrow('broken');
    expect(parts.isGone).not.toHaveBeenCalled();
  });
});

describe('a warm-up', () => {
  const result = { outputs: { y }, timing: noTime };

  it('loads a model and runs it once on a small input of its own', async () => {
    const parts = predictorOf(result);
    await parts.predictor.warmUp(model());
    expect(parts.engine.load).toHaveBeenCalledTimes(1);
    expect(asked(parts)[1]).toMatchObject({ kind: 'tensors', tensors: { x: { shape: [1, 2] } } });
  });

  it('does not mind an input that the model does not like, but a load that fails', async () => {
    const parts = predictorOf(new AppError('INPUT_SHAPE', 'no'));
    await parts.predictor.warmUp(model());
    expect(parts.engine.predict).toHaveBeenCalledTimes(1);
    parts.engine.load.mockRejectedValueOnce(new AppError('MODEL_RESOURCE', 'no'));
    expect((await refusal(() => parts.predictor.warmUp(model()))).code).toBe('MODEL_RESOURCE');
  });

  it('only loads what cannot be asked anything', async () => {
    const parts = predictorOf(result);
    await parts.predictor.warmUp(model({ inputSchema: { inputs: [] } }));
    expect(parts.engine.load).toHaveBeenCalledTimes(1);
    expect(parts.engine.predict).not.toHaveBeenCalled();
  });

  it('follows a reload of a model that is to be ready, and no other', async () => {
    const ready = predictorOf(result);
    expect(await ready.predictor.reload(model({ metadata: { preload: true } }))).toBe(12);
    expect(ready.engine.predict).toHaveBeenCalledTimes(1);
    const lazy = predictorOf(result);
    await lazy.predictor.reload(model());
    expect(lazy.engine.predict).not.toHaveBeenCalled();
  });
});
