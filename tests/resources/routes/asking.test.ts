import { describe, expect, it } from 'vitest';
import { zip } from '../../registry/package/zip.ts';
import { ask } from '../../support/ask-front.ts';
import { event } from '../../support/events.ts';
import { tinyApp } from '../../support/tiny-app.ts';

const textPackage = zip([
  { name: 'model.onnx', data: Buffer.from('weights') },
  { name: 'tokenizer.json', data: Buffer.from('{}') },
]);
const question = { products: [{ id: 1, name: 'run' }], userContext: { activityType: 'run' } };

describe('which model personalises', () => {
  it.each([
    ['the one in the body', '/personalize?modelName=b', { modelName: 'a', modelVersion: 'v1' }, 'a:v1'],
    ['the one in the query', '/Personalize?modelId=b&version=v1', {}, 'b:v1'],
    ['the version that is named', '/personalize', { modelName: 'a', modelVersion: 'v1' }, 'a:v1'],
    ['the newest of a name', '/personalize', { modelName: 'a' }, 'a:v2'],
    ['the setting’s', '/personalize', {}, 'a:v1'],
    ['the setting’s in another version', '/personalize', { modelVersion: 'v2' }, 'a:v2'],
  ])('%s', async (_what, url, named, id) => {
    const { app, register } = await tinyApp({ PERSONALIZE_MODEL: 'a:v1' });
    await register({ modelName: 'a' }, textPackage);
    await register({ modelName: 'a', modelVersion: 'v2' }, textPackage);
    await register({ modelName: 'b' }, textPackage);
    const reply = await ask(app, 'POST', url, {
      role: 'predictor',
      body: { ...question, ...named, requestId: 'r9', userId: 'u' },
    });
    expect(reply).toMatchObject({
      status: 200,
      body: { model: id, requestId: 'r9', products: [{ id: 1, personalizedScore: 1 }] },
    });
    expect(await app.store.events.get(reply.headers['x-inference-id'] ?? '')).toMatchObject({
      userId: 'u',
      caller: 'predictor',
    });
  });

  it('takes any context a user may have', async () => {
    const { app, register } = await tinyApp({ PERSONALIZE_MODEL: 'a' });
    await register({ modelName: 'a' }, textPackage);
    for (const field of ['__proto__', '__defineGetter__', 'toString', 'constructor']) {
      const body = `{"products":[{"id":1,"name":"run"}],"userContext":{"${field}":"x"}}`;
      expect(
        (await ask(app, 'POST', '/personalize', { body, headers: { 'content-type': 'application/json' } })).status,
      ).toBe(200);
    }
  });

  it.each([
    {},
    { products: [] },
    { ...question, products: [1] },
    { ...question, userContext: null },
    { ...question, modelName: 'a/b' },
  ])('%j is refused', async (body) =>
    expect((await ask((await tinyApp()).app, 'POST', '/personalize', { body })).status).toBe(400),
  );
});

describe('events made elsewhere', () => {
  const made = { modelName: 'iris', modelVersion: 'v1', prediction: { value: 5 }, timestamp: '1970-01-01T00:00:05Z' };

  it('are imported one by one or line by line', async () => {
    const { app, register } = await tinyApp();
    await register();
    const one = await ask(app, 'POST', '/monitoring/events', { role: 'trainer', body: made });
    expect(one.status).toBe(201);
    expect(await app.store.events.get(one.body.inferenceId)).toMatchObject({ timestamp: 5000, caller: 'trainer' });
    const lines = [made, { ...made, modelName: 'rose' }, { ...made, color: 1 }]
      .map((line) => JSON.stringify(line))
      .join('\n');
    const many = await ask(app, 'POST', '/monitoring/events', {
      body: Buffer.from(lines),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    const answers = (many.body as string)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { success: true },
      { code: 'MODEL_NOT_FOUND' },
      { code: 'INVALID_INPUT' },
      { done: true, accepted: 1, failed: 2 },
    ]);
    expect((await ask(app, 'POST', '/monitoring/events', { role: 'predictor', body: made })).status).toBe(403);
  });

  it('are found by what they say, a page at a time', async () => {
    const { app, register } = await tinyApp();
    await register();
    for (const timestamp of [1, 2, 3])
      await app.store.events.put(event({ id: `e${timestamp}`, timestamp, featuresIn: '{"x":1}' }));
    const first = (await ask(app, 'GET', '/monitoring/events?modelName=iris&limit=2&hasFeedback=false')).body;
    expect(first.events).toMatchObject([{ id: 'e3', featuresIn: { x: 1 } }, { id: 'e2' }]);
    const second = (await ask(app, 'GET', `/monitoring/events?modelName=iris&limit=2&cursor=${first.nextCursor}`)).body;
    expect(second).toMatchObject({ events: [{ id: 'e1' }] });
    expect(second).not.toHaveProperty('nextCursor');
    expect(
      (await ask(app, 'GET', '/monitoring/events?from=2&to=3')).body.events.map(({ id }: { id: string }) => id),
    ).toEqual(['e2']);
    expect((await ask(app, 'GET', '/monitoring/events?modelName=rose')).status).toBe(404);
    expect((await ask(app, 'GET', '/monitoring/events?limit=1001')).status).toBe(400);
  });
});

describe('uploading a form', () => {
  const boundary = { 'content-type': 'multipart/form-data; boundary=b' };
  const form = (fields: Record<string, string>) => {
    const parts = Object.entries(fields).map(
      ([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    return `${parts.join('')}--b\r\ncontent-disposition: form-data; name="file"; filename="m.onnx"\r\n\r\nweights\r\n--b--\r\n`;
  };

  it('registers its file, and keeps nothing of one that is refused', async () => {
    const { app } = await tinyApp();
    const upload = (fields: Record<string, string>) =>
      ask(app, 'POST', '/model/upload', { role: 'trainer', body: form(fields), headers: boundary });
    const good = { modelId: 'iris', version: 'v1', framework: 'onnx', metadata: '{"author":"ann"}', color: 'red' };
    expect((await upload({ ...good, stage: 'production' })).status).toBe(403);
    expect((await upload({ ...good, modelId: 'a/b' })).body.code).toBe('ID_INVALID');
    expect(await app.registry.list()).toEqual([]);
    expect(await upload(good)).toMatchObject({
      status: 201,
      body: { modelName: 'iris', modelId: 'iris', blobSize: 7, metadata: { author: 'ann' } },
    });
    expect((await upload(good)).status).toBe(200);
  });
});
