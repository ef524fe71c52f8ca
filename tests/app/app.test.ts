import { describe, expect, it } from 'vitest';
import { zip } from '../registry/package/zip.ts';
import { refusal } from '../support/codes.ts';
import { tinyApp } from '../support/tiny-app.ts';

const asker = { caller: 'ann', requestId: 'r1' };
const textPackage = zip([
  { name: 'model.onnx', data: Buffer.from('weights') },
  { name: 'tokenizer.json', data: Buffer.from('{}') },
]);

describe('predict', () => {
  it('answers with what the API promises, and records it', async () => {
    const { app, register } = await tinyApp();
    await register({ stage: 'production', metadata: { taskType: 'classification', labels: ['a', 'b'] } });
    const reply = await app.predict(
      { modelName: 'iris', features: { x: [0, 3] }, options: { raw: true, timing: true } },
      asker,
    );
    expect(reply).toEqual({
      inferenceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      prediction: {
        label: 'b',
        index: 1,
        probabilities: { a: expect.closeTo(0.0474, 4), b: expect.closeTo(0.9526, 4) },
      },
      confidence: expect.closeTo(0.9526, 4),
      modelName: 'iris',
      modelVersion: 'v1',
      stage: 'production',
      latencyMs: 3,
      requestId: 'r1',
      outputs: { y: { dtype: 'float32', shape: [1, 2], data: [0, 3] } },
      timing: { queueMs: 0, tokenizeMs: 1, runMs: 2, postMs: 0, recordMs: 0 },
    });
    expect(await app.store.events.get(reply.inferenceId)).toMatchObject({
      timestamp: 1_000_000,
      confidence: reply.confidence,
      computeMs: 3,
      caller: 'ann',
    });
  });

  it('of texts says how long the vectors are and what they cost', async () => {
    const { app, register } = await tinyApp();
    await register({}, textPackage);
    const reply = await app.predict(
      { modelName: 'iris', modelVersion: 'v1', features: { texts: ['abc', 'de'] } },
      asker,
    );
    expect(reply).toMatchObject({ dimension: 2, usage: { promptTokens: 2 }, confidence: null });
    expect(reply).not.toHaveProperty('timing');
    expect((await app.store.events.get(reply.inferenceId))?.prediction).toBe(
      '{"embeddings":[[3,1],[2,1]],"embedding":[3,1]}',
    );
  });

  it('follows a promotion at once', async () => {
    const { app, register, ports } = await tinyApp();
    await register({ stage: 'production' });
    const version = async () => (await app.predict({ modelName: 'iris', features: { x: [1, 2] } }, asker)).modelVersion;
    expect(await version()).toBe('v1');
    await register({ modelVersion: 'v2', stage: 'production' }, 'other');
    expect(await version()).toBe('v2');
    expect(ports.announce).toHaveBeenLastCalledWith({ modelName: 'iris' });
  });

  it('takes a deleted model out of memory, here and elsewhere', async () => {
    const { app, register, engine, ports } = await tinyApp();
    const { digest } = await register();
    await app.registry.retire('iris', 'v1', 'ann');
    expect(engine.unload).toHaveBeenCalledWith(digest);
    expect(ports.announce).toHaveBeenLastCalledWith({ modelName: 'iris', retiredDigest: digest });
    engine.unload.mockRejectedValueOnce(new Error('no runner'));
    app.followChange({ modelName: 'iris', retiredDigest: digest });
    await new Promise(setImmediate);
    expect(ports.log).toHaveBeenCalledWith('warn', expect.any(String), expect.any(Error));
  });

  it('closes what it opened', async () => {
    const { app, engine } = await tinyApp();
    await app.close();
    expect(engine.close).toHaveBeenCalledTimes(1);
  });
});

describe('personalize', () => {
  const products = [
    { id: 1, name: 'a very long name of a product' },
    { id: 2, name: 'run' },
  ];
  const question = { products, userContext: { activityType: 'run' }, modelName: 'iris' };

  it('ranks, records the ranking and asks for each text once', async () => {
    const { app, register, engine } = await tinyApp();
    await register({}, textPackage);
    const reply = await app.personalize(question, asker);
    expect(reply).toMatchObject({
      requestId: 'r1',
      personalized: true,
      model: 'iris:v1',
      products: [{ ...products[1], personalizedScore: 1 }, products[0]],
    });
    const event = await app.store.events.get(reply.inferenceId);
    expect(JSON.parse(event?.prediction ?? '')).toEqual(
      reply.products.map(({ id, personalizedScore }) => ({ id, personalizedScore })),
    );
    await app.personalize(question, asker);
    const texts = engine.predict.mock.calls.flatMap(([, input]) => (input.kind === 'texts' ? input.texts : []));
    expect(texts).toEqual(['run', 'a very long name of a product']);
  });

  it('splits what is too much for one request', async () => {
    const { app, register, engine } = await tinyApp();
    await register({}, textPackage);
    const many = Array.from({ length: 1500 }, (_, id) => ({ id, name: `product ${id}` }));
    const { products: ranked } = await app.personalize({ ...question, products: many }, asker);
    expect(engine.predict).toHaveBeenCalledTimes(2);
    expect(new Set(ranked.map(({ id }) => id)).size).toBe(1500);
  });

  it('needs a model of texts, and the refusal is on record', async () => {
    const { app, register } = await tinyApp();
    await register();
    const error = await refusal(() => app.personalize(question, asker));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', violations: [{ path: 'modelName' }] });
    expect(await app.store.events.get(String(error.facts.inferenceId))).toMatchObject({ errorCode: 'INVALID_INPUT' });
  });
});

describe('feedback and imports', () => {
  it('are judged by the model’s own metadata, while there is one', async () => {
    const { app, register } = await tinyApp();
    await register({ metadata: { taskType: 'regression', tolerance: 1 } });
    const event = { modelName: 'iris', modelVersion: 'v1', prediction: { value: 5 } };
    const judged = await app.importEvent({ ...event, outcome: 5.5 }, 'ann');
    expect(await app.store.events.get(judged)).toMatchObject({ correct: true, correctSource: 'computed' });
    const later = await app.importEvent(event, 'ann');
    await app.registry.retire('iris', 'v1', 'ann');
    expect(await app.feedback.give({ inferenceId: later, outcome: 5.5 })).toMatchObject({ correct: null });
  });
});
