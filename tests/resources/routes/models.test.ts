import { describe, expect, it } from 'vitest';
import { ask } from '../../support/ask-front.ts';
import { tinyApp } from '../../support/tiny-app.ts';

const json = (value: string) => Buffer.from(value).toString('base64');

describe('models', () => {
  it('are registered as JSON, once', async () => {
    const { app } = await tinyApp();
    const body = {
      modelId: 'iris',
      version: 'v1',
      framework: 'onnx',
      stage: 'development',
      modelBlob: json('weights'),
      extra: 1,
    };
    const first = await ask(app, 'POST', '/Model', { body, role: 'trainer' });
    expect(first).toMatchObject({
      status: 201,
      body: { id: 'iris:v1', modelId: 'iris', version: 'v1', stage: 'candidate', uploadedBy: 'trainer' },
    });
    expect((await ask(app, 'POST', '/Model/', { body, role: 'trainer' })).status).toBe(200);
    expect((await ask(app, 'POST', '/Model', { body: { ...body, modelBlob: json('other') } })).body.code).toBe(
      'VERSION_IMMUTABLE',
    );
    for (const modelBlob of ['a', '=', 'YQ', '!!!!']) {
      expect((await ask(app, 'POST', '/Model', { body: { ...body, modelBlob } })).body.code).toBe('INVALID_INPUT');
    }
  });

  it('are registered as bytes, with their digest checked', async () => {
    const { app } = await tinyApp();
    const put = (url: string, headers: Record<string, string>) => ask(app, 'PUT', url, { body: 'weights', headers });
    const sha256 = '9f9b1f3f1d1b6dd2a1c4e2b1f6a1c7d0a1b2c3d4e5f60718293a4b5c6d7e8f90';
    expect((await put('/model/iris/v1/blob?framework=onnx', { 'x-content-sha256': sha256 })).body.code).toBe(
      'DIGEST_MISMATCH',
    );
    expect((await put('/model/iris/v1/blob?framework=onnx', { 'x-content-sha256': 'abc' })).body.code).toBe(
      'INVALID_INPUT',
    );
    expect((await put('/model/iris/v1/blob', {})).body.code).toBe('INVALID_INPUT');
    const made = await put('/model/iris/v1/blob', {
      'x-model-framework': 'onnx',
      'x-model-metadata': '{"author":"ann"}',
    });
    expect(made).toMatchObject({ status: 201, body: { metadata: { author: 'ann' } } });
    expect((await put('/model/iris/v1/blob', { 'x-content-sha256': `sha256:${made.body.digest}` })).status).toBe(200);
    expect((await put('/model/iris/v2/blob?framework=onnx', { 'content-length': String(2 ** 40) })).status).toBe(413);
  });

  it.each([
    [undefined, 200, 'weights', undefined],
    ['bytes=0-2', 206, 'wei', 'bytes 0-2/7'],
    ['bytes=5-', 206, 'ts', 'bytes 5-6/7'],
    ['bytes=-3', 206, 'hts', 'bytes 4-6/7'],
    ['bytes=-99', 206, 'weights', 'bytes 0-6/7'],
    ['bytes=2-99', 206, 'ights', 'bytes 2-6/7'],
    ['bytes=6-6', 206, 's', 'bytes 6-6/7'],
    ['bytes=7-', 416, undefined, 'bytes */7'],
    ['bytes=-0', 416, undefined, 'bytes */7'],
    ['bytes=4-2', 200, 'weights', undefined],
    ['bytes=-', 200, 'weights', undefined],
    ['bytes=0-1,3-4', 200, 'weights', undefined],
    ['lines=0-1', 200, 'weights', undefined],
  ])('give their bytes for Range %s', async (range, status, bytes, contentRange) => {
    const { app, register } = await tinyApp();
    await register();
    const reply = await ask(app, 'GET', '/model/iris/v1/blob', { headers: range === undefined ? {} : { range } });
    expect([reply.status, reply.body, reply.headers['content-range']]).toEqual([status, bytes, contentRange]);
    if (bytes !== undefined) expect(reply.headers['content-length']).toBe(String(bytes.length));
  });

  it('give no bytes to whoever has them', async () => {
    const { app, register } = await tinyApp();
    const etag = `"${(await register()).digest}"`;
    const get = (headers: Record<string, string>) => ask(app, 'GET', '/model/iris/v1/blob', { headers });
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
    expect((await get({ range: 'bytes=0-0', 'if-range': etag })).status).toBe(206);
    expect((await get({ range: 'bytes=0-0', 'if-range': '"other"' })).status).toBe(200);
  });

  it('are listed in pages', async () => {
    const { app, register } = await tinyApp();
    for (const [index, modelName] of ['c', 'a', 'b'].entries()) await register({ modelName }, `weights ${index}`);
    const first = (await ask(app, 'GET', '/models?limit=2&stage=development', { role: 'viewer' })).body;
    expect(first.models.map(({ id }: { id: string }) => id)).toEqual(['a:v1', 'b:v1']);
    const second = (await ask(app, 'GET', `/models?limit=2&cursor=${first.nextCursor}`)).body;
    expect([second.models.map(({ id }: { id: string }) => id), second.nextCursor]).toEqual([['c:v1'], undefined]);
    expect((await ask(app, 'GET', '/models?stage=live')).status).toBe(400);
  });

  it('are amended, reloaded and deleted by those who may', async () => {
    const { app, register } = await tinyApp();
    await register({ metadata: { author: 'ann', note: 'x' } });
    const patched = await ask(app, 'PATCH', '/model/iris/v1', {
      role: 'trainer',
      body: { metadata: { note: null, more: 1 }, status: 'deprecated' },
    });
    expect(patched.body).toMatchObject({ metadata: { author: 'ann', more: 1 }, status: 'deprecated' });
    expect((await ask(app, 'POST', '/model/iris/v1/reload', { role: 'trainer' })).body).toMatchObject({
      modelName: 'iris',
      loadMs: 1,
    });
    expect((await ask(app, 'DELETE', '/model/iris/v1', { role: 'trainer' })).status).toBe(403);
    expect(await ask(app, 'DELETE', '/model/iris/v1')).toMatchObject({ status: 204, body: undefined });
    expect((await ask(app, 'GET', '/model/iris/v1')).status).toBe(404);
  });
});
