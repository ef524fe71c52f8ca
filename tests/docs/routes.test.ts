import SwaggerParser from '@apidevtools/swagger-parser';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/resources/openapi/document.ts';
import { policy } from '../../src/resources/policy.ts';
import { routes } from '../../src/resources/routes/index.ts';
import { readDocument, section, tableRows } from './support/markdown.ts';

/** Everything that is served, without the refusals of table writes. */
const served = routes.filter(({ action }) => action !== 'table.write');
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

interface PostmanItem {
  readonly name: string;
  readonly item?: readonly PostmanItem[];
  readonly request?: { readonly method: string; readonly url: { readonly raw: string } };
  readonly event?: readonly { readonly listen: string; readonly script: { readonly exec: readonly string[] } }[];
}

const collection = JSON.parse(readDocument('postman/Harper-Edge-AI-MLOps.postman_collection.json'));
const requests = (items: readonly PostmanItem[]): PostmanItem[] =>
  items.flatMap((item) => (item.item ? requests(item.item) : [item]));

/** The route that a request of the collection means. */
function routeOf({ request }: PostmanItem): string | undefined {
  const path = (request?.url.raw ?? '').replace('{{baseUrl}}', '').replace(/\?.*$/, '');
  const canonical = path === '/Model' ? '/model' : path;
  const matches = served.filter(({ method, path: pattern }) => {
    const expression = new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}$`);
    return method === request?.method && expression.test(canonical);
  });
  // A route without placeholders goes before one with.
  const best = matches.sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0];
  return best && nameOf(best);
}

describe('docs/API.md', () => {
  const text = readDocument('docs/API.md');
  const headings = [...text.matchAll(/^### `(\w+ \/\S*)`$/gm)].map(([, name]) => name as string);

  it('has a section for every route, and for no other', () => {
    expect([...headings].sort()).toEqual(served.map(nameOf).sort());
  });

  it('names the lowest role of every route', () => {
    const wrong = served.filter((route) => {
      const words = section(text, `### \`${nameOf(route)}\``);
      const role = policy[route.action];
      const isAlias = /^\s*As (\[`|`)/.test(words);
      return !isAlias && !words.includes(role === 'public' ? 'Public.' : `Role: ${role}`);
    });
    // DELETE and the tables of events name two roles, the lower of which is the policy's.
    expect(wrong.map(nameOf)).toEqual([]);
  });

  it('has a request that runs in every section', () => {
    const without = headings.filter((name) => !section(text, `### \`${name}\``).includes('```bash\n'));
    expect(without).toEqual([]);
  });
});

describe('the README', () => {
  it('names every path among the endpoints', () => {
    const rows = tableRows(section(readDocument('README.md'), '## Endpoints')).flatMap(([route]) => route ?? '');
    const text = rows.join('\n');
    const missing = served.filter(({ path }) => path !== '/Model/' && !text.includes(path));
    expect(missing.map(nameOf)).toEqual([]);
  });
});

describe('the Postman collection', () => {
  const all = requests(collection.item);

  it('is of format 2.1 with the three folders and variables', () => {
    expect(collection.info.schema).toContain('/v2.1.0/');
    const folders = collection.item.map(({ name }: PostmanItem) => name);
    expect(folders.slice(0, 3)).toEqual(['Model Management', 'Inference', 'Observability']);
    const variables = Object.fromEntries(
      collection.variable.map(({ key, value }: { key: string; value: string }) => [key, value]),
    );
    expect(variables).toMatchObject({ baseUrl: 'http://localhost:9926', username: 'admin', password: '' });
  });

  it('has a request for every route', () => {
    // POST /Model/ is POST /model under the table's name.
    const asked = new Set(all.map(routeOf));
    expect(served.map(nameOf).filter((name) => !asked.has(name))).toEqual(['POST /Model/']);
  });

  it('asks nothing that is not there', () => {
    expect(all.filter((item) => routeOf(item) === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('checks the status of every reply, and the body of every reply that has one', () => {
    const scriptOf = ({ event = [] }: PostmanItem) =>
      event.find(({ listen }) => listen === 'test')?.script.exec.join('\n') ?? '';
    const unchecked = all.filter((item) => !/have\.status\(\d+\)/.test(scriptOf(item)));
    expect(unchecked.map(({ name }) => name)).toEqual([]);
    const shallow = all.filter(
      (item) => !scriptOf(item).includes('status(204)') && !scriptOf(item).includes('pm.expect('),
    );
    expect(shallow.map(({ name }) => name)).toEqual([]);
  });
});

describe('the OpenAPI document', () => {
  const document = openApiDocument(routes, '1.2.3');

  it('is valid', async () => {
    const api = await SwaggerParser.validate(structuredClone(document) as never);
    expect(Object.keys(api.paths ?? {}).sort()).toEqual([...new Set(routes.map(({ path }) => path))].sort());
  });

  it('is judged by a validator that finds mistakes', async () => {
    const broken = structuredClone(document) as { info: { title?: string } };
    delete broken.info.title;
    await expect(SwaggerParser.validate(broken as never)).rejects.toThrow(/title/);
  });

  it('gives every operation an id of its own', () => {
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map((operation) => (operation as { operationId: string }).operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});
