import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { prepare } from '../../scripts/fuzz/prepare.ts';
import { fuzz, type Report, type Target } from '../../scripts/fuzz/run.ts';
import { startUpstream } from '../../scripts/fuzz/upstream.ts';
import { bootServer, type TestServer } from '../support/boot-server.ts';

describe('the product', () => {
  let server: TestServer;
  let target: Target;
  let upstream: Awaited<ReturnType<typeof startUpstream>> | undefined;
  beforeAll(async () => {
    upstream = await startUpstream();
    server = await bootServer({ environment: { OLLAMA_HOST: upstream.host } });
    const login = (role: Parameters<TestServer['as']>[0]) => server.as(role).authorization ?? '';
    const known = await prepare(
      { url: server.url, authorization: login('admin') },
      { url: server.url, authorization: login('predictor') },
      true,
    );
    const [viewer, predictor, trainer, admin] = (['viewer', 'predictor', 'trainer', 'admin'] as const).map(login);
    target = {
      url: server.url,
      logins: { viewer, predictor, trainer, admin },
      known,
      secrets: [server.root],
    } as Target;
  });
  afterAll(async () => {
    await server?.stop();
    upstream?.close();
  });

  it('answers 5,000 wrong requests as it should', async () => {
    const report = await fuzz(target, { requests: 5_000, seed: 1 });
    expect(report.findings).toEqual([]);
    // A run that never got past the door, or never was refused, proves nothing.
    expect(report.statuses['200']).toBeGreaterThan(300);
    for (const status of ['201', '400', '401', '403', '404', '405', '406', '409', '413', '415', '422'])
      expect({ status, times: report.statuses[status] }).toEqual({ status, times: expect.any(Number) });
    expect(Object.keys(report.codes).length).toBeGreaterThan(12);
    expect((await server.as('predictor').post('/predict', target.known.models[0])).status).toBe(200);
  });
});

describe('the check', () => {
  let fake: Server | undefined;
  afterEach(() => fake?.close());

  /** A server of one route that answers anything else than the description and /status as the listener does. */
  async function fuzzed(listener: RequestListener): Promise<Report> {
    const paths = {
      '/thing': {
        post: { requestBody: { content: { 'application/json': { schema: {} } } }, responses: { 200: {}, 400: {} } },
      },
    };
    fake = createServer((request, response) => {
      if (request.url === '/openapi.json') response.end(JSON.stringify({ paths }));
      else if (request.url === '/status') response.end('{"memory":{"rssAnonBytes":0}}');
      else request.resume().on('end', () => listener(request, response));
    });
    await new Promise<void>((resolve) => fake?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`;
    const known = { models: [{ modelName: 'm', features: [1] }], eventIds: ['e'], modelBytes: Buffer.from('model') };
    return fuzz({ url, logins: { admin: 'Basic x' }, known, secrets: ['/data/of/ours'] }, { requests: 60, seed: 5 });
  }
  const headers = { 'content-type': 'application/json', 'x-request-id': 'r', 'x-content-type-options': 'nosniff' };
  const wrongs = ({ findings }: Report) => findings.map(({ wrong }) => wrong);

  it('finds a server error, and sends less and less to find what causes it', async () => {
    const report = await fuzzed((request, response) => {
      response.writeHead(request.headers.accept ? 500 : 200, headers).end('{}');
    });
    const found = report.findings.find(({ wrong }) => wrong.startsWith('status 500'));
    expect(found?.reproduction).toMatch(/ -H 'accept: /);
    expect(found?.reproduction).not.toMatch(/--data|content-type/);
  });

  it.each<[string, RequestListener]>([
    [
      'status 400 as application/json, not application/problem+json',
      (_request, response) => response.writeHead(400, headers).end('{}'),
    ],
    [
      'the code NONSENSE is not one of ours',
      (_request, response) =>
        response.writeHead(400, { ...headers, 'content-type': 'application/problem+json' }).end('{"code":"NONSENSE"}'),
    ],
    ['the body is not JSON', (_request, response) => response.writeHead(200, headers).end('{')],
    [
      'the body holds "node_modules"',
      (_request, response) => response.writeHead(200, headers).end('"/x/node_modules/y"'),
    ],
    [
      'the body holds a path or a secret of the server',
      (_request, response) => response.writeHead(200, headers).end('"/data/of/ours"'),
    ],
    [
      'no x-request-id',
      (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('1'),
    ],
    ['no answer: socket hang up', (request) => request.socket.destroy()],
  ])('finds "%s"', async (wrong, listener) => {
    expect(wrongs(await fuzzed(listener))).toContain(wrong);
  });

  it('sends the same for the same seed', async () => {
    const seen: string[][] = [];
    for (let run = 0; run < 2; run++) {
      const lines: string[] = [];
      await fuzzed((request, response) => {
        lines.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
        response.writeHead(200, headers).end('1');
      });
      seen.push(lines.sort());
      fake?.close();
    }
    expect(seen[0]?.length).toBeGreaterThan(50);
    expect(seen[0]).toEqual(seen[1]);
  });
});
