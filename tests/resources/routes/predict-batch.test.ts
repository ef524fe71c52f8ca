import { describe, expect, it } from 'vitest';
import type { App } from '../../../src/app/create-app.ts';
import type { EventRow } from '../../../src/store/rows.ts';
import { zip } from '../../registry/package/zip.ts';
import { ask } from '../../support/ask-front.ts';
import { tinyApp } from '../../support/tiny-app.ts';

const textPackage = zip([
  { name: 'model.onnx', data: Buffer.from('weights') },
  { name: 'tokenizer.json', data: Buffer.from('{}') },
]);
const batch = (app: App, body: unknown) => ask(app, 'POST', '/predict/batch', { role: 'predictor', body });

async function eventsOf(app: App): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  for await (const row of app.store.events.query({ conditions: [] })) rows.push(row);
  return rows;
}

describe('many questions at once', () => {
  it('are answered in order, each with an event of its own', async () => {
    const { app, register } = await tinyApp();
    await register({ stage: 'production' });
    const { status, body } = await batch(app, {
      modelId: 'iris',
      items: [
        { features: { x: [[1, 2]] }, requestId: 'r1', userId: 'u', sessionId: 's' },
        { features: { x: [[1, 'a']] }, userId: 'v' },
        { inputs: { x: [[3, 4]] } },
        { features: { x: [[3, 4]] }, color: 'red' },
        7,
      ],
      options: { raw: true },
      requestId: undefined,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ modelName: 'iris', modelId: 'iris', modelVersion: 'v1', latencyMs: 0 });
    expect(body.items).toMatchObject([
      { prediction: { y: { data: [1, 2] } }, confidence: null, outputs: { y: { shape: [1, 2] } }, requestId: 'r1' },
      { code: 'INPUT_DTYPE', detail: expect.stringContaining('features.x[0][1]') },
      { prediction: { y: { data: [3, 4] } } },
      { code: 'INVALID_INPUT', detail: expect.stringContaining('color') },
      { code: 'INVALID_INPUT' },
    ]);
    for (const item of body.items) expect(item).not.toHaveProperty('stage');
    const ids: string[] = body.items.map(({ inferenceId }: { inferenceId: string }) => inferenceId);
    expect(new Set(ids).size).toBe(5);
    const events = await Promise.all(ids.map((id) => app.store.events.get(id)));
    expect(events).toMatchObject([
      { requestId: 'r1', userId: 'u', sessionId: 's', caller: 'predictor', modelVersion: 'v1', errorCode: null },
      { userId: 'v', errorCode: 'INPUT_DTYPE', modelVersion: 'v1', featuresIn: '{"x":[[1,"a"]]}' },
      { featuresIn: '{"x":[[3,4]]}', errorCode: null },
      { errorCode: 'INVALID_INPUT', featuresIn: '{"x":[[3,4]]}' },
      { errorCode: 'INVALID_INPUT', featuresIn: null },
    ]);
    expect(await eventsOf(app)).toHaveLength(5);
  });

  it('of texts carry their vectors', async () => {
    const { app, register } = await tinyApp();
    await register({}, textPackage);
    const { body } = await batch(app, {
      modelName: 'iris',
      items: [{ features: { text: 'abc' } }, { features: { texts: ['a', 'bb'] } }],
    });
    expect(body.items).toMatchObject([
      { prediction: { embeddings: [[3, 1]], embedding: [3, 1] }, dimension: 2, usage: { promptTokens: 1 } },
      {
        prediction: {
          embeddings: [
            [1, 1],
            [2, 1],
          ],
        },
        usage: { promptTokens: 2 },
      },
    ]);
  });

  it('all go to the version that was chosen first', async () => {
    const { app, register, engine } = await tinyApp();
    await register({ stage: 'production' });
    const answer = engine.predict.getMockImplementation() as typeof engine.predict;
    engine.predict.mockImplementationOnce(async (...asked) => {
      await register({ modelVersion: 'v2', stage: 'production' }, 'other weights');
      return answer(...asked);
    });
    const items = Array.from({ length: 100 }, () => ({ features: { x: [[1, 2]] } }));
    const { body } = await batch(app, { modelName: 'iris', items });
    expect(body.modelVersion).toBe('v1');
    const versions = new Set((await eventsOf(app)).map(({ modelVersion }) => modelVersion));
    expect([...versions]).toEqual(['v1']);
    expect((await app.registry.get('iris', 'v1')).stage).toBe('archived');
  });

  it('are side by side in the engine, but not all', async () => {
    const { app, register, engine } = await tinyApp();
    await register();
    const answer = engine.predict.getMockImplementation() as typeof engine.predict;
    let under = 0;
    let most = 0;
    engine.predict.mockImplementation(async (...asked) => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setTimeout(resolve, 5));
      under--;
      return answer(...asked);
    });
    const items = Array.from({ length: 256 }, () => ({ features: { x: [[1, 2]] } }));
    expect((await batch(app, { modelName: 'iris', items })).body.items).toHaveLength(256);
    expect(most).toBe(64);
  });

  it('of nothing are answered with nothing', async () => {
    const { app, register } = await tinyApp();
    await register();
    expect((await batch(app, { modelName: 'iris', items: [] })).body).toMatchObject({ modelVersion: 'v1', items: [] });
  });

  it('to no model are 404, with an event for each', async () => {
    const { app } = await tinyApp();
    const reply = await batch(app, { modelName: 'rose', items: [{ features: 1 }, { features: 2 }] });
    expect(reply).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } });
    expect(reply.headers['x-inference-id']).toBe(reply.body.inferenceId);
    const events = await eventsOf(app);
    expect(events.map(({ errorCode }) => errorCode)).toEqual(['MODEL_NOT_FOUND', 'MODEL_NOT_FOUND']);
    expect(events.map(({ id }) => id)).toContain(reply.body.inferenceId);
  });

  it('P6: of more than 256 items are 413, without an event', async () => {
    const { app, register } = await tinyApp();
    await register();
    for (const length of [257, 100_000]) {
      const items = Array.from({ length }, () => 1);
      expect(await batch(app, { modelName: 'iris', items })).toMatchObject({
        status: 413,
        body: { code: 'BATCH_LIMIT', detail: expect.stringContaining(String(length)) },
      });
    }
    expect(await eventsOf(app)).toEqual([]);
  });

  it('P6: fail one by one where an item holds too many texts', async () => {
    const { app, register } = await tinyApp();
    await register({}, textPackage);
    const texts = Array.from({ length: 1025 }, () => 'a');
    const { status, body } = await batch(app, {
      modelName: 'iris',
      items: [{ features: { texts } }, { features: 'a' }],
    });
    expect(status).toBe(200);
    expect(body.items).toMatchObject([{ code: 'BATCH_LIMIT' }, { confidence: null }]);
  });

  it.each([
    [{ modelName: 'iris' }, 'items'],
    [{ modelName: 'iris', items: {} }, 'items'],
    [{ modelName: 'iris', items: [], features: 1 }, 'features'],
    [{ items: [] }, 'modelName'],
    [{ modelName: 'iris', items: [], options: { stream: true } }, 'options'],
  ])('%j is refused', async (body, path) => {
    const reply = await batch((await tinyApp()).app, body);
    expect(reply).toMatchObject({ status: 400, body: { code: 'INVALID_INPUT' } });
    expect(JSON.stringify(reply.body.errors)).toContain(path);
  });
});
