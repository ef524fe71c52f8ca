import { z } from 'zod';
import { errorKinds } from '../../errors.ts';
import { statusOf } from '../edge/respond.ts';
import type { Route } from '../edge/route.ts';
import { policy } from '../policy.ts';

const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** An OpenAPI 3.1 document of routes, from the same schemas that check their requests. */
export function openApiDocument(routes: readonly Route[], version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Harper AI Ops',
      version,
      description:
        'Stores, serves and records machine-learning models next to the data. The first segment of a path also works capitalised, and /models as /model.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost:9926' }],
    security: [{ basic: [] }, { bearer: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { basic: { type: 'http', scheme: 'basic' }, bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: problemSchema },
    },
  };
}

const problemSchema = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(errorKinds) },
    detail: { type: 'string', description: 'What was expected, what came, what to do' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
    requestId: { type: 'string' },
    inferenceId: { type: 'string', description: 'When an event was written' },
  },
};

function operationOf(route: Route) {
  const isPublic = policy[route.action] === 'public';
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.tag],
    description: isPublic ? 'Public.' : `Lowest role: ${policy[route.action]}.`,
    ...(isPublic && { security: [] }),
    ...parametersOf(route),
    ...bodyOf(route),
    responses: responsesOf(route, isPublic),
  };
}

const operationId = ({ method, path }: Route) =>
  `${method.toLowerCase()}${path.replace(/\/$/, '/Records').replace(/[^A-Za-z0-9]+(.)?/g, (_all, next: string | undefined) => (next ?? '').toUpperCase())}`;

function parametersOf({ path, query }: Route) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const schema = query
    ? (jsonSchema(query, 'input') as { properties?: Record<string, object>; required?: string[] })
    : {};
  const inQuery = Object.entries(schema.properties ?? {}).map(([name, own]) => ({
    name,
    in: 'query',
    required: schema.required?.includes(name) ?? false,
    schema: own,
  }));
  const parameters = [...inPath, ...inQuery];
  return parameters.length > 0 ? { parameters } : {};
}

function bodyOf({ body }: Route) {
  if (!body) return {};
  if (body.kind === 'raw') {
    const schema = {
      type: 'string',
      format: 'binary',
      ...(body.description !== undefined && { description: body.description }),
    };
    return {
      requestBody: {
        required: true,
        content: Object.fromEntries((body.contentTypes ?? []).map((type) => [type, { schema }])),
      },
    };
  }
  const content = {
    schema: body.schema ? jsonSchema(body.schema, 'input') : {},
    ...(body.example !== undefined && { example: body.example }),
  };
  const lines = body.lines && {
    'application/x-ndjson': {
      schema: { type: 'string', description: 'One such object a line; the reply has a line for each' },
    },
  };
  const csv = body.csv && {
    'text/csv': {
      schema: { type: 'string', description: 'A header, then one such object a row; the reply is NDJSON' },
    },
  };
  const required = !body.schema?.safeParse(undefined).success;
  return { requestBody: { required, content: { 'application/json': content, ...lines, ...csv } } };
}

/** A model may live on a server of others, which may fail. */
const asksModels: ReadonlySet<Route['action']> = new Set(['predict', 'personalize']);

function responsesOf({ method, action, replies, body }: Route, isPublic: boolean) {
  const good = Object.entries(replies).map(([status, { description, schema, contentType, pieces = {} }]) => {
    const content =
      contentType !== undefined
        ? { [contentType]: { schema: { type: 'string', format: 'binary' } } }
        : schema && { 'application/json': { schema: jsonSchema(schema, 'output') }, ...inPieces(pieces) };
    return [status, { description, ...(content && { content }) }];
  });
  const bad = [
    400,
    ...(isPublic ? [] : [401, 403]),
    404,
    406,
    ...(method === 'GET' ? [] : [409, 422]),
    ...(body ? [413, 415] : []),
    429,
    500,
    ...(asksModels.has(action) ? [502] : []),
    503,
    507,
  ];
  const refusals = bad
    .filter((status) => !(status in replies) && Object.values(statusOf).includes(status))
    .map((status) => [status, { description: codesOf(status), content: problemContent }]);
  return Object.fromEntries([...good, ...refusals]);
}

/** With `options.stream`. */
const inPieces = (types: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(types).map(([type, description]) => [type, { schema: { type: 'string', description } }]),
  );

const codesOf = (status: number): string =>
  Object.entries(errorKinds)
    .filter(([, kind]) => statusOf[kind] === status)
    .map(([code]) => code)
    .join(', ');

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
