import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { Front } from '../../../src/resources/edge/front.ts';
import type { HarperResponse } from '../../../src/resources/edge/harper-http.ts';
import { Router } from '../../../src/resources/edge/router.ts';
import { routes } from '../../../src/resources/routes/index.ts';
import { ask, harperRequest, readable } from '../../support/ask-front.ts';
import { tinyApp } from '../../support/tiny-app.ts';

const predict = { modelName: 'iris', features: { x: [1, 2] } };

describe('before a route', () => {
  it.each([
    ['nobody', 'POST', '/predict', 401, 'UNAUTHENTICATED'],
    ['stranger', 'POST', '/predict', 403, 'FORBIDDEN'],
    ['viewer', 'POST', '/predict', 403, 'FORBIDDEN'],
    ['viewer', 'GET', '/predict', 405, 'METHOD_NOT_ALLOWED'],
    ['nobody', 'GET', '/predict', 401, 'UNAUTHENTICATED'],
    ['viewer', 'GET', '/model//v1', 400, 'INVALID_INPUT'],
    ['viewer', 'GET', '/model?other=1', 400, 'INVALID_INPUT'],
  ] as const)('%s asks %s %s: %d %s', async (role, method, url, status, code) => {
    const { app } = await tinyApp();
    const reply = await ask(app, method, url, { role, ...(method === 'POST' && { body: predict }) });
    expect(reply).toMatchObject({ status, body: { code, status } });
    expect(reply.headers['content-type']).toBe('application/problem+json');
    expect(reply.headers.allow).toBe(status === 405 ? 'POST' : undefined);
    expect(await app.store.events.count()).toBe(0);
  });

  it('public ones ask for no login', async () => {
    const { app } = await tinyApp();
    for (const role of ['nobody', 'stranger'] as const)
      expect((await ask(app, 'GET', '/health', { role })).body).toEqual({ status: 'ok' });
  });

  it('nobody is local who calls this machine by a foreign name', async () => {
    const { app } = await tinyApp();
    const headers = { host: 'evil.example' };
    expect((await ask(app, 'GET', '/status', { headers })).body).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect((await ask(app, 'GET', '/health', { headers })).status).toBe(200);
    const login = { ...headers, authorization: 'Basic eA==' };
    expect((await ask(app, 'GET', '/model', { headers: login })).status).toBe(200);
  });

  it('of others passes on', async () => {
    const { app } = await tinyApp();
    expect((await ask(app, 'GET', '/elsewhere')).status).toBe(-1);
  });

  it('that answers JSON wants it accepted; bytes need not be', async () => {
    const { app, register } = await tinyApp();
    await register();
    const headers = { accept: 'text/html' };
    expect((await ask(app, 'GET', '/model', { headers })).status).toBe(406);
    expect((await ask(app, 'GET', '/model/iris/v1/blob', { headers })).status).toBe(200);
  });
});

describe('every reply', () => {
  it('carries the caller’s id when it is fit to be repeated, else one of ours', async () => {
    const { app, register } = await tinyApp();
    await register();
    const idOf = async (given: { header?: string; body?: string }) =>
      (
        await ask(app, 'POST', '/predict', {
          body: { ...predict, ...(given.body !== undefined && { requestId: given.body }) },
          headers: given.header === undefined ? {} : { 'x-request-id': given.header },
        })
      ).headers['x-request-id'];
    expect(await idOf({ header: 'h1' })).toBe('h1');
    expect(await idOf({ header: 'h1', body: 'b1' })).toBe('b1');
    for (const unfit of ['a b', 'é', '', 'x'.repeat(129)])
      expect(await idOf({ header: unfit })).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is guarded against sniffing and caching, and a HEAD has no body', async () => {
    const { app } = await tinyApp();
    const reply = await ask(app, 'HEAD', '/health', { role: 'nobody' });
    expect(reply).toMatchObject({
      status: 200,
      body: undefined,
      headers: { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'content-type': 'application/json' },
    });
  });

  it('echoes the aliases its request used', async () => {
    const { app, register } = await tinyApp();
    await register();
    const { body } = await ask(app, 'POST', '/predict', {
      body: { modelId: 'iris', version: 'v1', inputs: { x: [1, 2] } },
    });
    expect(body).toMatchObject({ modelId: 'iris', modelName: 'iris', version: 'v1', modelVersion: 'v1' });
    expect(body).not.toHaveProperty('inputs');
  });

  it('tells nothing of what broke, but the log does', async () => {
    const { app, ports } = await tinyApp();
    ports.store.models.get = async () => {
      throw new TypeError('secret');
    };
    const { status, body } = await ask(app, 'GET', '/model/iris/v1', { headers: { 'x-request-id': 'r7' } });
    expect([status, body.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(ports.log).toHaveBeenCalledExactlyOnceWith('error', expect.any(String), expect.any(TypeError), {
      requestId: 'r7',
    });
  });
});

describe('a wrong question to a well-formed model name', () => {
  it.each([
    [{ modelName: 'iris', features: { x: [1, 2] }, color: 'red' }, 'INVALID_INPUT'],
    [{ modelName: 'iris', features: { x: [1, 2] }, modelVersion: 'a/b' }, 'ID_INVALID'],
    [{ modelName: 'iris', features: { z: 1 } }, 'INPUT_NAME'],
    [{ modelName: 'nobody', features: {} }, 'MODEL_NOT_FOUND'],
  ])('%j leaves an event, and the reply names it', async (body, code) => {
    const { app, register } = await tinyApp();
    await register();
    const reply = await ask(app, 'POST', '/predict', { body, role: 'predictor' });
    expect(reply.body.code).toBe(code);
    expect(reply.headers['x-inference-id']).toBe(reply.body.inferenceId);
    expect(await app.store.events.get(reply.body.inferenceId)).toMatchObject({ errorCode: code, caller: 'predictor' });
  });

  it.each([{ modelName: '../x', features: {} }, { features: {} }, [], null, 'text'])(
    'but %j leaves none',
    async (body) => {
      const { app } = await tinyApp();
      const reply = await ask(app, 'POST', '/predict', {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
      expect(reply.status).toBe(400);
      expect(await app.store.events.count()).toBe(0);
    },
  );
});

describe('what Harper answers', () => {
  const outer = async (answer: () => Promise<HarperResponse | undefined>) => {
    const { app } = await tinyApp();
    return readable(await new Front(app, new Router(routes)).outer(harperRequest('GET', '/x'), answer));
  };

  it.each([
    ['nothing', { status: -1 }, 404, 'NOT_FOUND'],
    ['a failed login', { status: 401, body: 'Login failed' }, 401, 'UNAUTHENTICATED'],
    ['a failed login in CBOR', { status: 401, body: Buffer.from('a0', 'hex') }, 401, 'UNAUTHENTICATED'],
  ])('%s becomes our kind of reply', async (_what, response, status, code) =>
    expect(await outer(async () => response)).toMatchObject({
      status,
      body: { code },
      headers: { 'x-request-id': expect.any(String) },
    }),
  );

  it('a login that fails for one who accepts nothing Harper can write', async () => {
    const { app } = await tinyApp();
    const front = new Front(app, new Router(routes));
    const request = harperRequest('GET', '/status', { headers: { authorization: 'Basic x' } });
    const crash = () => Promise.reject(new TypeError('No supported content types'));
    expect(await readable(await front.outer(request, crash))).toMatchObject({
      status: 401,
      body: { code: 'UNAUTHENTICATED' },
    });
    const later = (passed: typeof request) => front.inner(passed, async () => ({ status: 200 })).then(crash);
    expect(await readable(await front.outer(request, later))).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL' },
    });
  });

  it('a crash too', async () => {
    const crash = () => Promise.reject(new Error('secret'));
    expect(await outer(crash)).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
    expect((await outer(() => Promise.reject(new AppError('NOT_READY', 'soon')))).status).toBe(503);
  });

  it('anything else stays as it is', async () => {
    const { app } = await tinyApp();
    const front = new Front(app, new Router(routes));
    const nobody = harperRequest('GET', '/status', { role: 'nobody' });
    const own = await front.inner(nobody, async () => undefined);
    expect(own?.status).toBe(401);
    for (const response of [{ status: 200, body: 'x' }, own, undefined]) {
      expect(await front.outer(harperRequest('GET', '/x'), async () => response)).toBe(response);
    }
  });
});
