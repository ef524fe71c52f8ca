import { describe, expect, it } from 'vitest';
import type { Route } from '../../../src/resources/edge/route.ts';
import { Router } from '../../../src/resources/edge/router.ts';
import { routes } from '../../../src/resources/routes/index.ts';
import { codeOf } from '../../support/codes.ts';

const router = new Router(routes);
const found = (method: string, path: string) => {
  const match = router.match(method, path);
  return match && { path: match.route && `${match.route.method} ${match.route.path}`, params: match.params };
};

describe('a path', () => {
  it.each([
    ['POST', '/predict', 'POST /predict', {}],
    ['POST', '/Predict', 'POST /predict', {}],
    ['GET', '/Monitoring/metrics', 'GET /monitoring/metrics', {}],
    ['GET', '/Health', 'GET /health', {}],
    ['GET', '/model', 'GET /model', {}],
    ['GET', '/models', 'GET /model', {}],
    ['GET', '/Models', 'GET /model', {}],
    ['GET', '/Model', 'GET /model', {}],
    ['POST', '/Model', 'POST /model', {}],
    ['POST', '/Model/upload', 'POST /model/upload', {}],
    ['POST', '/models/upload', 'POST /model/upload', {}],
    ['GET', '/Model/iris/v1', 'GET /model/{name}/{version}', { name: 'iris', version: 'v1' }],
    ['GET', '/models/iris/v1/blob', 'GET /model/{name}/{version}/blob', { name: 'iris', version: 'v1' }],
    ['GET', '/model/versions', 'GET /model/versions', {}],
    ['GET', '/model/iris/versions', 'GET /model/{name}/versions', { name: 'iris' }],
    ['GET', '/model/models/Model', 'GET /model/{name}/{version}', { name: 'models', version: 'Model' }],
    ['HEAD', '/model/iris/v1/blob', 'GET /model/{name}/{version}/blob', { name: 'iris', version: 'v1' }],
    ['GET', '/model/a%20b/v%2F1', 'GET /model/{name}/{version}', { name: 'a b', version: 'v/1' }],
    ['GET', '/model/%C3%A9/__proto__', 'GET /model/{name}/{version}', { name: 'é', version: '__proto__' }],
    ['GET', '/Model/', 'GET /Model/', {}],
    ['POST', '/Model/', 'POST /Model/', {}],
    ['GET', '/Model/iris:v1', 'GET /Model/{id}', { id: 'iris:v1' }],
    ['GET', '/Model/iris%3Av1', 'GET /Model/{id}', { id: 'iris:v1' }],
    ['GET', '/InferenceEvent/', 'GET /InferenceEvent/', {}],
    ['PUT', '/InferenceEvent/e1', 'PUT /InferenceEvent/{id}', { id: 'e1' }],
  ])('%s %s is %s', (method, path, expected, params) =>
    expect(found(method, path)).toEqual({ path: expected, params }),
  );

  it.each([
    '/',
    '/nothing',
    '/predict/',
    '/predict/x',
    '/PREDICT',
    '/MODEL/iris/v1',
    '/inferenceEvent/',
    '/InferenceEvent',
    '/model/',
    '/model/a/b/c/d',
  ])('%s is nothing of ours', (path) => expect(found('GET', path)).toBeUndefined());

  it.each(['/%', '/model/%ZZ/v1', '/model/%C3/v1', '/model/%FF%FE/v1', '//predict', '/model//v1', '/model/a//blob'])(
    '%s is malformed',
    (path) => expect(codeOf(() => router.match('GET', path))).toBe('INVALID_INPUT'),
  );

  it('that is ours with another method names the methods it has', () => {
    const match = router.match('DELETE', '/model/iris/v1/blob');
    expect(match).toMatchObject({ route: undefined, params: {} });
    expect(match?.methods.toSorted()).toEqual(['GET', 'PUT']);
    expect(router.match('BREW', '/predict')).toMatchObject({ route: undefined, methods: ['POST'] });
  });
});

describe('the router', () => {
  const route = (method: string, path: string) => ({ method, path }) as Route;

  it('prefers what is spelled out, in whatever order it was told', () => {
    const own = [route('GET', '/a/{x}'), route('GET', '/a/b'), route('GET', '/{y}/{x}')];
    for (const order of [own, own.toReversed()]) {
      const paths = ['/a/b', '/a/c', '/c/c'].map((path) => new Router(order).match('GET', path)?.route?.path);
      expect(paths).toEqual(['/a/b', '/a/{x}', '/{y}/{x}']);
    }
  });

  it('answers a path it knows as it did the first time', () => {
    for (const time of [1, 2, 3]) expect([time, found('POST', '/Predict')?.path]).toEqual([time, 'POST /predict']);
    expect(found('GET', '/predict')?.path).toBeUndefined();
  });

  it('finds every route by its own path', () => {
    for (const { method, path } of routes) {
      const filled = path.replace(/\{id\}/, 'a:b').replace(/\{\w+\}/g, 'x');
      expect(found(method, filled)?.path).toBe(`${method} ${path}`);
    }
  });
});
