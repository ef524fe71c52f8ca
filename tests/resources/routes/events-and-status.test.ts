import { describe, expect, it } from 'vitest';
import { ask } from '../../support/ask-front.ts';
import { event } from '../../support/events.ts';
import { tinyApp } from '../../support/tiny-app.ts';

describe('events and feedback', () => {
  it('of others do not exist for a predictor', async () => {
    const { app } = await tinyApp();
    await app.store.events.put(event({ id: 'mine', caller: 'predictor', modelName: 'x' }));
    await app.store.events.put(event({ id: 'theirs', caller: 'bob', modelName: 'x' }));
    const ids = async (role: 'predictor' | 'trainer', url: string) => {
      const { body } = await ask(app, 'GET', url, { role });
      return (body.events ?? body).map(({ id }: { id: string }) => id).toSorted();
    };
    expect(await ids('predictor', '/monitoring/events')).toEqual(['mine']);
    expect(await ids('trainer', '/monitoring/events')).toEqual(['mine', 'theirs']);
    expect(await ids('predictor', '/InferenceEvent/?limit(5)')).toEqual(['mine']);
    expect((await ask(app, 'GET', '/InferenceEvent/theirs', { role: 'predictor' })).status).toBe(404);
    expect(
      (await ask(app, 'POST', '/feedback', { role: 'predictor', body: { inferenceId: 'theirs', correct: true } }))
        .status,
    ).toBe(404);
    const supersede = { inferenceId: 'mine', correct: true, supersedes: true };
    expect((await ask(app, 'POST', '/feedback', { role: 'predictor', body: supersede })).status).toBe(403);
  });

  it('for many at once is answered one by one', async () => {
    const { app } = await tinyApp();
    for (const id of ['a', 'b']) await app.store.events.put(event({ id }));
    const items = [{ inferenceId: 'a', correct: true }, { inferenceId: 'none', correct: true }, { inferenceId: 'b' }];
    expect((await ask(app, 'POST', '/feedback', { body: { items } })).body).toMatchObject({
      success: false,
      accepted: 1,
      failed: 2,
      results: [
        { index: 0, inferenceId: 'a', success: true, correct: true },
        { index: 1, inferenceId: 'none', success: false, code: 'EVENT_NOT_FOUND' },
        { index: 2, code: 'INVALID_INPUT' },
      ],
    });
  });

  it('through the table merges an outcome given as JSON text', async () => {
    const { app } = await tinyApp();
    await app.store.events.put(event({ id: 'a', latencyMs: 3 }));
    const put = (body: object) => ask(app, 'PUT', '/InferenceEvent/a', { body });
    expect((await put({ actualOutcome: '{"label":"x"}', feedbackTimestamp: 77 })).status).toBe(200);
    expect(await app.store.events.get('a')).toMatchObject({
      actualOutcome: '{"label":"x"}',
      feedbackTimestamp: 77,
      latencyMs: 3,
    });
    expect((await put({ modelName: 'y', correct: true })).status).toBe(400);
    expect((await put({ feedbackTimestamp: 1 })).status).toBe(400);
    expect((await ask(app, 'DELETE', '/InferenceEvent/a')).status).toBe(403);
  });

  it('add up to metrics, of known models only', async () => {
    const { app, register } = await tinyApp();
    await register();
    for (const latencyMs of [1, 3]) await app.store.events.put(event({ latencyMs, timestamp: 1_000_000 }));
    const get = (query: string) => ask(app, 'GET', `/Monitoring/metrics?${query}`, { role: 'viewer' });
    expect((await get('modelName=iris&timeRange=5m')).body).toMatchObject({
      modelName: 'iris',
      modelVersion: null,
      from: 700_000,
      to: 1_000_001,
      count: 2,
      avgLatency: 2,
    });
    expect((await get('modelName=iris&modelVersion=v2')).status).toBe(404);
    expect((await get('modelName=rose')).status).toBe(404);
  });
});

describe('the state of the node', () => {
  const status = { models: [], queues: { inFlight: 0, queued: 0, limit: 5 }, backends: {} };
  const runner = { id: 'r', serves: 'production' as const, restarts: 0, memoryBytes: 1 };

  it('is ready when store and runner are', async () => {
    const { app, engine, ports } = await tinyApp();
    engine.status.mockResolvedValueOnce({ ...status, runners: [runner] });
    expect(await ask(app, 'GET', '/readyz', { role: 'nobody' })).toMatchObject({
      status: 200,
      body: { status: 'ready' },
    });
    engine.status.mockResolvedValueOnce({ ...status, runners: [] });
    expect(await ask(app, 'GET', '/health/ready', { role: 'nobody' })).toMatchObject({
      status: 503,
      body: { checks: { runner: 'starting' } },
      headers: { 'retry-after': '1' },
    });
    engine.status.mockRejectedValueOnce(new Error('no socket'));
    ports.store.models.get = () => Promise.reject(new Error('closed'));
    expect((await ask(app, 'GET', '/readyz')).body.checks).toEqual({ store: 'failed', runner: 'failed' });
  });

  it('names the models it runs', async () => {
    const { app, engine, register } = await tinyApp();
    const { digest } = await register();
    const model = {
      digest,
      state: 'quarantined' as const,
      reason: 'crash' as const,
      memoryBytes: 1,
      inFlight: 0,
      queued: 0,
      lastUsedAt: null,
      loads: 0,
    };
    engine.status.mockResolvedValueOnce({
      ...status,
      runners: [runner],
      models: [model, { ...model, digest: 'other' }],
    });
    const { body } = await ask(app, 'GET', '/status', { role: 'viewer' });
    expect(body).toMatchObject({
      status: 'degraded',
      versions: { product: '1.2.3' },
      models: [
        { modelName: 'iris', modelVersion: 'v1' },
        { modelName: null, digest: 'other' },
      ],
    });
  });
});
