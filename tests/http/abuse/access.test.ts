import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Action, policy, type Role, roles } from '../../../src/resources/policy.ts';
import { routes } from '../../../src/resources/routes/index.ts';
import { type Answer, bootServer, type TestServer, uploadForm } from '../../support/boot-server.ts';
import { leavesTheNodeAsItWas } from '../../support/node-state.ts';
import { identityOnnx } from '../../support/tiny-onnx.ts';
import { outcome, raw } from './abuse-client.ts';

let server: TestServer;
beforeAll(async () => {
  server = await bootServer({ environment: { LOG_LEVEL: 'info' } });
  const form = uploadForm(
    { modelName: 'held', modelVersion: 'v1', framework: 'onnx' },
    identityOnnx('float32', ['n', 3]),
  );
  expect((await server.as('admin').post('/model/upload', form)).status).toBe(201);
});
afterAll(() => server?.stop());
leavesTheNodeAsItWas(
  () => server,
  (name) => (name.startsWith('X10') ? { events: true, models: true } : {}),
);

const filled = (path: string) =>
  path
    .replace('{name}', 'held')
    .replace('{version}', 'v1')
    .replace('{id}', path.startsWith('/Model') ? 'held:v1' : 'nothing');
const protectedPaths = [
  ...new Set(routes.filter(({ action }) => policy[action] !== 'public').map(({ path }) => filled(path))),
];
const statusOf = async (head: string) => (await raw(server.url, [`${head}\r\nhost: x\r\n\r\n`], 2_000)).statuses;

describe('nobody', () => {
  it('X1 gets in by any verb or protocol', async () => {
    for (const path of protectedPaths) {
      for (const method of ['TRACE', 'QUERY', 'COPY', 'PURGE', 'OPTIONS', 'HEAD'])
        expect([method, path, ...(await statusOf(`${method} ${path} HTTP/1.1\r\nconnection: close`))]).toEqual([
          method,
          path,
          401,
        ]);
      const upgrade =
        'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
      expect([path, ...(await statusOf(`GET ${path} HTTP/1.1\r\n${upgrade}`))]).toEqual([path, 404]);
      const stream = await server.as(undefined).get(path, { accept: 'text/event-stream' });
      expect([path, stream.status]).toEqual([path, 401]);
    }
    for (const path of ['/health', '/healthz', '/readyz', '/health/ready', '/openapi.json'])
      expect([path, (await server.as(undefined).get(path)).status]).toEqual([path, 200]);
  });

  it('X3 is local, whatever the headers say', async () => {
    for (const headers of [
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { 'x-real-ip': '127.0.0.1' },
      { 'x-forwarded-user': 'admin' },
      { 'x-http-method-override': 'GET' },
      { cookie: 'hdb-session=admin' },
    ])
      expect(outcome(await server.as(undefined).get('/status', { ...headers } as Record<string, string>))).toEqual([
        401,
        'UNAUTHENTICATED',
      ]);
    for (const host of ['evil.example', 'localhost', '127.0.0.1:9925', ''])
      expect((await raw(server.url, [`GET /status HTTP/1.1\r\nhost: ${host}\r\n\r\n`])).statuses).toEqual([401]);
  });

  it('X3 is somebody by half a login', async () => {
    const encoded = (text: string) => Buffer.from(text).toString('base64');
    const login = server.as('admin').authorization ?? '';
    const none = '';
    for (const authorization of [
      'Basic',
      'Basic ****',
      `Basic ${encoded('admin')}`,
      `Basic ${encoded('admin:')}`,
      `Basic ${encoded(':')}`,
      `Basic ${encoded('a\0b:c')}`,
      'Bearer',
      'Bearer x',
      'Bearer eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImFkbWluIn0.',
      login.slice('Basic '.length),
      login.toUpperCase(),
      `Digest ${login}`,
      none,
    ])
      for (const accept of ['*/*', 'application/cbor', 'text/csv', 'image/png'])
        expect([
          authorization,
          accept,
          ...outcome(await server.as(undefined).get('/status', { authorization, accept })),
        ]).toEqual([authorization, accept, 401, 'UNAUTHENTICATED']);
  });

  it('X4 in a browser sends a form or reads an answer', async () => {
    const foreign = { origin: 'https://evil.example' };
    const admin = server.as('admin');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=b']) {
      const anonymous = await server
        .as(undefined)
        .post('/predict', '{"modelName":"held","features":[[1,2,3]]}', { ...foreign, 'content-type': type });
      expect(outcome(anonymous)).toEqual([401, 'UNAUTHENTICATED']);
      const known = await admin.post('/predict', '{"modelName":"held","features":[[1,2,3]]}', {
        ...foreign,
        'content-type': type,
      });
      expect(outcome(known)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
      expect(known.headers.get('access-control-allow-origin')).toBeNull();
    }
    const preflight = await server
      .as(undefined)
      .request('OPTIONS', '/predict', undefined, { ...foreign, 'access-control-request-method': 'POST' });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([401, null]);
    const read = await admin.get('/status', foreign);
    expect([read.status, read.headers.get('access-control-allow-origin'), read.headers.get('set-cookie')]).toEqual([
      200,
      null,
      null,
    ]);
  });
});

describe('a login', () => {
  it('X2 of a lower role may do no higher action, with a valid request', async () => {
    const wrong: string[] = [];
    for (const { method, path, action } of routes) {
      const least: string = policy[action as Action];
      for (const role of roles.filter(
        (one) => least !== 'public' && roles.indexOf(one) < roles.indexOf(least as Role),
      )) {
        const body = method === 'GET' || method === 'DELETE' ? undefined : { modelName: 'held' };
        const [status, code] = outcome(await server.as(role).request(method, filled(path), body));
        if (status !== 403 || code !== 'FORBIDDEN') wrong.push(`${role} ${method} ${path}: ${status} ${code}`);
      }
    }
    expect(wrong).toEqual([]);
    expect((await server.as('viewer').get('/model/held/v1')).status).toBe(200);
  });

  it('X5 that is guessed tells nothing by its answer, and is guessed 10 times a minute', async () => {
    const owner = await server.user('x5-owner', 'viewer');
    expect((await owner.get('/status')).status).toBe(200);
    const guess = (user: string, password: string) =>
      server
        .as(undefined)
        .get('/status', { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
    const [known, unknown] = [await guess('x5-owner', 'wrong'), await guess('no-such-user', 'wrong')];
    const { requestId: _a, ...first } = known.body;
    const { requestId: _b, ...second } = unknown.body;
    expect(first).toEqual(second);
    const begin = performance.now();
    const many: Answer[] = [];
    for (let turn = 0; turn < 10; turn++)
      many.push(
        ...(await Promise.all(Array.from({ length: 20 }, (_, index) => guess('x5-owner', `wrong ${turn} ${index}`)))),
      );
    const minutes = (performance.now() - begin) / 60_000;
    const looked = many.filter(({ status }) => status === 401).length;
    expect(looked).toBeGreaterThan(0);
    expect(looked).toBeLessThanOrEqual(9 + Math.ceil(minutes * 10));
    for (const answer of many.filter(({ status }) => status !== 401)) {
      expect(outcome(answer)).toEqual([429, 'RATE_LIMITED']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    // A right password that nobody knows yet is not told from a wrong one; the owner at work notices nothing.
    expect((await owner.get('/status')).status).toBe(200);
    expect((await server.as('admin').get('/status')).status).toBe(200);
  });

  it('X6 that is taken away, or lowered, ends within 30 s', async () => {
    const operation = async (body: object) => {
      const reply = await fetch(server.operationsUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: server.as('admin').authorization ?? '' },
        body: JSON.stringify(body),
      });
      expect(reply.ok).toBe(true);
    };
    const leaver = await server.user('x6-leaver', 'trainer');
    const lowered = await server.user('x6-lowered', 'trainer');
    for (const who of [leaver, lowered]) expect((await who.get('/model/held/v1/blob')).status).toBe(200);
    await operation({ operation: 'drop_user', username: 'x6-leaver' });
    await operation({ operation: 'alter_user', username: 'x6-lowered', role: 'viewer' });
    const ends = { timeout: 30_000, interval: 250 };
    await expect.poll(async () => (await leaver.get('/model/held/v1/blob')).status, ends).toBe(401);
    await expect.poll(async () => (await lowered.get('/model/held/v1/blob')).status, ends).toBe(403);
    expect((await lowered.get('/model/held/v1')).status).toBe(200);
  });
});

describe('a table', () => {
  it('X7 is not written around the gate', async () => {
    const row = { id: 'held:v2', modelName: 'held', modelVersion: 'v2', stage: 'production' };
    for (const role of ['viewer', 'predictor', 'trainer', 'admin'] as const) {
      for (const method of ['PUT', 'PATCH', 'DELETE'])
        for (const path of ['/Model/held:v1', '/Model/held:v2', '/Model/'])
          expect([
            role,
            method,
            path,
            ...outcome(await server.as(role).request(method, path, method === 'DELETE' ? undefined : row)),
          ]).toEqual([role, method, path, 403, 'FORBIDDEN']);
      for (const path of ['/RetiredVersion/x', '/data/Model/x', '/hdb_user/x', '/graphql'])
        expect((await server.as(role).request('PUT', path, row)).status).toBe(404);
    }
    expect((await server.as('admin').get('/model/held/versions')).body).toHaveLength(1);
  });

  it('X8 does not give out the bytes of a model', async () => {
    const predictor = server.as('predictor');
    expect(outcome(await predictor.get('/Model/held:v1.modelBlob'))).toEqual([403, 'FORBIDDEN']);
    expect(outcome(await predictor.get('/Model/?select(id,modelBlob)'))).toEqual([400, 'INVALID_INPUT']);
    expect(outcome(await predictor.get('/model/held/v1/blob'))).toEqual([403, 'FORBIDDEN']);
    for (const path of ['/Model/held:v1', '/Model/', '/model/held/v1', '/model']) {
      const { status, body } = await predictor.get(path);
      expect([path, status, JSON.stringify(body).includes('modelBlob')]).toEqual([path, 200, false]);
    }
  });
});

describe('the log', () => {
  it('X10 has no line that a caller wrote', async () => {
    const forged = '\n[error] forged line';
    const predictor = server.as('predictor');
    for (const text of [
      forged,
      '\r\n[error] forged line',
      '\u2028[error] forged line',
      '\u001b[31m[error] forged line',
    ]) {
      await predictor.post('/predict', { modelName: 'held', features: [[1, 2, 3]], userId: text, sessionId: text });
      await predictor.post('/predict', { modelName: text, features: {}, requestId: text });
      await predictor.post('/feedback', { inferenceId: text, outcome: text });
      await server
        .as('trainer')
        .post('/Model', { modelName: text, modelVersion: text, framework: text, modelBlob: text });
      await server.as('trainer').request('PATCH', '/model/held/v1', { metadata: { note: text } });
      await predictor.get(`/model/${encodeURIComponent(text)}/v1`);
      await predictor.get(`/nothing/${encodeURIComponent(text)}`, { 'user-agent': 'x[error] forged line' });
      await server
        .as(undefined)
        .get('/status', { authorization: `Basic ${Buffer.from(`${text}:x`).toString('base64')}` });
    }
    const file = await readFile(join(server.root, 'data', 'server.log'), 'utf8');
    for (const log of [server.log(), file])
      expect(log.split(/[\r\n\u2028]/).filter((line) => /^\W*\[error\] forged/.test(line))).toEqual([]);
  });
});
