import SwaggerParser from '@apidevtools/swagger-parser';
import { describe, expect, it } from 'vitest';
import type { App } from '../../../src/app/create-app.ts';
import type { ApiRequest } from '../../../src/resources/edge/route.ts';
import { openApiDocument } from '../../../src/resources/openapi/document.ts';
import { policy } from '../../../src/resources/policy.ts';
import { routes } from '../../../src/resources/routes/index.ts';

interface Operation {
  readonly operationId: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

// As clients get it: JSON has no undefined.
const document = JSON.parse(JSON.stringify(openApiDocument(routes, '1.2.3'))) as {
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
  Object.entries(verbs).map(([verb, operation]) => [`${verb.toUpperCase()} ${path}`, operation] as const),
);
const byRoute = new Map(operations);

describe('the OpenAPI document', () => {
  it('is OpenAPI 3.1', async () => {
    expect(await SwaggerParser.validate(structuredClone(document) as never)).toMatchObject({
      openapi: '3.1.0',
      info: { version: '1.2.3' },
    });
  });

  it('describes every route, and no other', () => {
    expect(operations.map(([name]) => name).toSorted()).toEqual(
      routes.map(({ method, path }) => `${method} ${path}`).toSorted(),
    );
  });

  it('gives every operation an id of its own', () => {
    const ids = operations.map(([, { operationId }]) => operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]*$/.test(id))).toEqual([]);
  });

  it.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    'says of %s what it takes',
    (name, route) => {
      const { parameters = [], requestBody, responses, security } = byRoute.get(name) ?? expect.fail(name);
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
      expect(inPath).toEqual([...route.path.matchAll(/\{(\w+)\}/g)].map(([, own]) => own));
      const shape = (route.query as { shape?: object } | undefined)?.shape ?? {};
      expect(parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name)).toEqual(
        Object.keys(shape),
      );
      expect(requestBody !== undefined).toBe(route.body !== undefined);
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(Object.keys(route.replies)));
      expect(Object.hasOwn(responses, '401')).toBe(policy[route.action] !== 'public');
      expect(security?.length === 0).toBe(policy[route.action] === 'public');
    },
  );

  it('is what its route answers', async () => {
    const own = routes.find(({ path }) => path === '/openapi.json') ?? expect.fail('no route');
    const { body } = await own.handle({ versions: { product: '1.2.3' } } as App, {} as ApiRequest);
    expect(JSON.parse(JSON.stringify(body))).toEqual(document);
  });
});

describe('examples of bodies', () => {
  const examples = routes.filter(({ body }) => body?.schema && body.example !== undefined);
  it.each(examples.map((route) => [`${route.method} ${route.path}`, route.body] as const))(
    'of %s fit their schema',
    (_name, body) => {
      const result = body?.schema?.safeParse(body.example);
      expect(result?.error?.issues ?? []).toEqual([]);
    },
  );

  it('stand beside every JSON body', () => {
    const without = routes.filter(({ body }) => body?.kind === 'json' && body.example === undefined);
    expect(without.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });
});
