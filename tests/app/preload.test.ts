import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { tinyApp } from '../support/tiny-app.ts';

const loaded = (engine: Awaited<ReturnType<typeof tinyApp>>['engine']) =>
  engine.load.mock.calls.map(([model]) => (model as unknown as { serves: string }).serves);

describe('a version with metadata.preload', () => {
  it('is loaded where it will serve, and run once, after it came', async () => {
    const { engine, register } = await tinyApp();
    await register({ stage: 'production', metadata: { preload: true } });
    await vi.waitFor(() => expect(engine.predict).toHaveBeenCalledTimes(1));
    expect(loaded(engine)).toEqual(['candidates', 'production']);
  });

  it('is left alone without it, and when the same bytes come again', async () => {
    const { engine, register } = await tinyApp();
    await register({ modelName: 'lazy' });
    await register({ metadata: { preload: true } }, 'other weights');
    await vi.waitFor(() => expect(engine.predict).toHaveBeenCalledTimes(1));
    await register({ metadata: { preload: true } }, 'other weights');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.predict).toHaveBeenCalledTimes(1);
  });

  it('is loaded at the start, production first, archived never, and one that fails is one line', async () => {
    const { app, engine, register, ports } = await tinyApp();
    const preload = { metadata: { preload: true } };
    await register({ modelName: 'a', ...preload }, 'a');
    await register({ modelName: 'b', ...preload, stage: 'production' }, 'b');
    await register({ modelName: 'b', ...preload, modelVersion: 'v2', stage: 'production' }, 'b2');
    await register({ modelName: 'c' }, 'c');
    await vi.waitFor(() => expect(engine.predict).toHaveBeenCalledTimes(3));
    engine.load.mockClear();
    engine.load.mockRejectedValueOnce(new AppError('MODEL_RESOURCE', 'too large'));
    await app.preload();
    expect(loaded(engine)).toEqual(['production', 'candidates']);
    expect(ports.log.mock.calls).toEqual([['warn', 'model b:v2 could not be preloaded', expect.any(AppError)]]);
    expect(engine.predict).toHaveBeenCalledTimes(4);
  });

  it('does not mind an input that it does not like', async () => {
    const { app, engine, register, ports } = await tinyApp();
    await register({ metadata: { preload: true, example: { wrong: 1 } } });
    await app.preload();
    expect([engine.predict.mock.calls.length, ports.log.mock.calls.length]).toEqual([0, 0]);
  });

  it('is warm after a reload', async () => {
    const { app, engine, register } = await tinyApp();
    const model = await register({ metadata: { preload: true } });
    await vi.waitFor(() => expect(engine.predict).toHaveBeenCalledTimes(1));
    await app.predictor.reload(model);
    expect(engine.predict).toHaveBeenCalledTimes(2);
  });
});
