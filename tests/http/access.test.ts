import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Action, policy, type Role, roles } from '../../src/resources/policy.ts';
import { routes } from '../../src/resources/routes/index.ts';
import { bootServer, type TestServer } from '../support/boot-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await bootServer();
});
afterAll(() => server?.stop());

const everyRole: readonly (Role | undefined)[] = [undefined, ...roles];
const places = routes.map(({ method, path, action }) => ({
  method,
  action: action as Action,
  path: path
    .replace('{name}', 'nobody')
    .replace('{version}', 'v1')
    .replace('{id}', path.startsWith('/Model') ? 'nobody:v1' : 'nothing'),
}));

/** Enough to get past the door and no further. */
const bodyFor = (method: string) => (method === 'GET' || method === 'DELETE' ? undefined : {});

describe('who may do what', () => {
  it.each(everyRole)('is what the policy says, for %s', async (role) => {
    const client = server.as(role);
    const wrong: string[] = [];
    for (const { method, path, action } of places) {
      const least: string = policy[action];
      const allowed = least === 'public' || (role !== undefined && roles.indexOf(role) >= roles.indexOf(least as Role));
      const { status, body } = await client.request(method, path, bodyFor(method));
      const isTableWrite = action === 'table.write';
      const expected = allowed && !isTableWrite ? 'let in' : role === undefined ? 401 : 403;
      const seen =
        status === 401 || status === 403 ? status : status < 500 || status === 503 ? 'let in' : `broken ${status}`;
      if (seen !== expected) wrong.push(`${method} ${path}: ${status} ${body?.code}, expected ${expected}`);
    }
    expect(wrong).toEqual([]);
  });

  it('is nobody without a login, on every verb of every path, and whatever headers claim', async () => {
    const nobody = server.as(undefined);
    for (const path of new Set(places.filter(({ action }) => policy[action] !== 'public').map(({ path }) => path))) {
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'PROPFIND',
        'COPY',
        'MOVE',
        'QUERY',
      ]) {
        const { status } = await nobody.request(method, path, undefined, { 'x-forwarded-for': '127.0.0.1' });
        expect(`${method} ${path} ${status}`).toBe(`${method} ${path} 401`);
      }
    }
  });

  it('is nobody with a wrong password, in our own words', async () => {
    const { status, body, headers } = await server
      .as(undefined)
      .get('/status', { authorization: `Basic ${btoa('admin:wrong')}` });
    expect([status, body.code]).toEqual([401, 'UNAUTHENTICATED']);
    expect(headers.get('www-authenticate')).toMatch(/^Basic/);
    const token = await server.as(undefined).get('/status', { authorization: 'Bearer nonsense' });
    expect([token.status, token.body.code]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('takes a token for a password', async () => {
    const reply = await fetch(server.operationsUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: server.as('admin').authorization ?? '' },
      body: JSON.stringify({ operation: 'create_authentication_tokens' }),
    });
    const { operation_token: token } = (await reply.json()) as { operation_token: string };
    expect((await server.as(undefined).get('/status', { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  it('is the same for a login with a role of its own, which may do nothing', async () => {
    await fetch(server.operationsUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: server.as('admin').authorization ?? '' },
      body: JSON.stringify({ operation: 'add_role', role: 'stranger', permission: { super_user: false } }),
    });
    const stranger = await server.user('a-stranger', 'stranger');
    expect((await stranger.get('/status')).body.code).toBe('FORBIDDEN');
    expect((await stranger.get('/health')).status).toBe(200);
  });

  it('leaves no other door: Harper serves none of our tables itself', async () => {
    for (const path of ['/RetiredVersion/', '/openapi', '/Model.json', '/InferenceEvent.csv', '/graphql', '/mqtt']) {
      const { status } = await server.as('admin').get(path);
      expect(`${path} ${status}`).toMatch(/ 40[04]$/);
    }
    // Harper would take a socket on any path of an exported table.
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const opened = await new Promise((resolve) => {
      const attempt = httpRequest(`${server.url}/InferenceEvent/`, { headers });
      attempt.on('upgrade', (_reply, socket) => resolve(socket.destroy() && true));
      attempt.on('response', (reply) => resolve(reply.resume() && false));
      attempt.on('error', () => resolve(false));
      attempt.end();
    });
    expect(opened).toBe(false);
  });
});

describe('a web page', () => {
  const origin = 'https://allowed.example';
  let open: TestServer;
  beforeAll(async () => {
    open = await bootServer({ environment: { CORS_ORIGINS: `${origin},https://other.example` } });
  });
  afterAll(() => open?.stop());

  it('of an origin that is allowed may ask and read', async () => {
    const preflight = await open.as(undefined).request('OPTIONS', '/predict', undefined, {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    for (const path of ['/status', '/nothing', '/model/none/v1']) {
      const { status, headers } = await open.as('viewer').get(path, { origin });
      expect(status).toBeLessThan(500);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
    }
    const asked = await open.as('predictor').post('/predict', { modelName: 'none', features: {} }, { origin });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([404, origin]);
  });

  it('of any other is told nothing it could read, and changes nothing without a login of its own', async () => {
    const foreign = { origin: 'https://evil.example' };
    const { status, headers } = await open.as('viewer').get('/status', foreign);
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, null]);
    const posted = await open.as(undefined).post('/feedback', 'x', { ...foreign, 'content-type': 'text/plain' });
    expect(posted.status).toBe(401);
    const none = await server.as('viewer').get('/status', { origin });
    expect(none.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('every reply', () => {
  it('says what browsers and caches need to know', async () => {
    for (const path of ['/health', '/nothing', '/status']) {
      const { headers } = await server.as(undefined).get(path, { 'x-request-id': 'mine' });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-request-id')).toBe('mine');
    }
  });
});

describe('health', () => {
  it('is told to everyone', async () => {
    for (const path of ['/health', '/healthz', '/Health'])
      expect((await server.as(undefined).get(path)).body).toEqual({ status: 'ok' });
    for (const path of ['/health/ready', '/readyz']) {
      expect((await server.as(undefined).get(path)).body).toEqual({
        status: 'ready',
        checks: { store: 'ok', runner: 'ok' },
      });
    }
  });

  it('in detail is told to those with a login', async () => {
    const { body } = await server.as('viewer').get('/status');
    expect(body).toMatchObject({
      status: 'healthy',
      versions: { harper: '4.7.29', onnxruntime: '1.30.0', node: process.versions.node },
    });
    expect(body.backends.onnx).toMatchObject({ available: true, runtime: 'native', devices: ['cpu'] });
    expect(body.backends.tensorflow.runtime).toMatch(/^(native|wasm|cpu)$/);
    expect(body.runners.map(({ serves }: { serves: string }) => serves).sort()).toEqual(['candidates', 'production']);
    expect(body.memory.rssAnonBytes).toBeGreaterThan(1e7);
  });
});
