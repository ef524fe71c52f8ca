import { z } from 'zod';
import { type Route, route } from '../edge/route.ts';
import { openApiDocument } from '../openapi/document.ts';

/** The description of all other routes and of itself, built once. */
export function openApiRoute(others: readonly Route[]): Route {
  let document: unknown;
  const own: Route = route({
    method: 'GET',
    path: '/openapi.json',
    action: 'openapi.read',
    tag: 'Observability',
    summary: 'This description, OpenAPI 3.1',
    replies: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
    async handle(app) {
      document ??= openApiDocument([...others, own], app.versions.product);
      return { body: document };
    },
  });
  return own;
}
