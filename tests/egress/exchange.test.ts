import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ExchangeReply, type ExchangeRequest, exchange } from '../../src/egress/exchange.ts';
import { AppError } from '../../src/errors.ts';

async function listening(server: Server): Promise<URL> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/here?a=1`);
}

const http = (listener: RequestListener) => listening(createHttpServer(listener));
const raw = (onSocket: (socket: Socket) => void) => listening(createServer(onSocket));

const ask = (url: URL, more: Partial<ExchangeRequest> = {}) =>
  exchange({ method: 'GET', url, peer: 'the test server', maxBytes: 1_000_000, ...more });

async function textOf({ body }: ExchangeReply): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error) => (error instanceof AppError ? error.code : error),
  );

describe('exchange', () => {
  it('sends method, path, headers and body, and gives back status, headers and body', async () => {
    const url = await http((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url: path, headers } = request;
        const { host, connection, 'content-length': length, 'x-mine': mine } = headers;
        response.writeHead(201, { 'x-yours': 'b' });
        response.end(
          JSON.stringify({ method, path, host, connection, length, mine, body: `${Buffer.concat(chunks)}` }),
        );
      });
    });
    const reply = await ask(url, { method: 'POST', body: 'grün', headers: { 'x-mine': 'a' } });
    expect(reply).toMatchObject({ status: 201, headers: { 'x-yours': 'b' } });
    expect(JSON.parse(await textOf(reply))).toEqual({
      method: 'POST',
      path: '/here?a=1',
      host: url.host,
      connection: 'close',
      length: '5',
      mine: 'a',
      body: 'grün',
    });
  });

  it('does not follow a redirect', async () => {
    let hits = 0;
    const url = await http((_request, response) => {
      hits++;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect((await ask(url)).status).toBe(302);
    expect(hits).toBe(1);
  });

  it('asks directly where the environment names a proxy', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
    onTestFinished(() => void vi.unstubAllEnvs());
    const url = await http((_request, response) => response.end('here'));
    expect(await textOf(await ask(url))).toBe('here');
  });

  it('refuses an address before a byte is sent there', async () => {
    let received = 0;
    const url = await raw((socket) => socket.on('data', (bytes) => (received += bytes.length)));
    const seen: string[] = [];
    const checkAddress = (address: string) => {
      seen.push(address);
      throw new AppError('URL_FORBIDDEN', 'not there');
    };
    expect(await codeOf(ask(url, { checkAddress }))).toBe('URL_FORBIDDEN');
    expect(seen).toEqual(['127.0.0.1']);
    expect(received).toBe(0);
  });

  it('resolves names as it is told', async () => {
    const url = await http((request, response) => response.end(request.headers.host));
    url.hostname = 'name.invalid';
    const lookup: ExchangeRequest['lookup'] = (_host, options, callback) =>
      options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);
    expect(await textOf(await ask(url, { lookup }))).toBe(url.host);
  });

  it('names a server that is not there, and one that never takes the connection', async () => {
    const url = await http(() => {});
    const gone = new URL('http://127.0.0.1:1');
    expect(await codeOf(ask(gone))).toBe('UPSTREAM_UNAVAILABLE');
    const never: ExchangeRequest['lookup'] = () => {};
    url.hostname = 'name.invalid';
    const begin = performance.now();
    expect(await codeOf(ask(url, { lookup: never, connectTimeoutMs: 50 }))).toBe('UPSTREAM_UNAVAILABLE');
    expect(performance.now() - begin).toBeLessThan(1000);
    const plain = await raw(() => {});
    plain.protocol = 'https:';
    expect(await codeOf(ask(plain, { connectTimeoutMs: 50 }))).toBe('UPSTREAM_UNAVAILABLE');
  });

  it.each([
    ['is closed without a reply', ''],
    ['is no HTTP', 'hello\r\n\r\n'],
    ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['ends in the middle', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['ends between chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('names a reply that %s', async (_name, bytes) => {
    const url = await raw((socket) => socket.once('data', () => socket.end(bytes)));
    expect(await codeOf(ask(url).then(textOf))).toBe('UPSTREAM_FAILED');
  });

  it('takes no more than it may, and no silence', async () => {
    const endless = await http(function pour(_request, response) {
      while (response.write('x'.repeat(10_000)));
      response.once('drain', () => pour(_request, response));
    });
    expect(await codeOf(ask(endless, { maxBytes: 100_000 }).then(textOf))).toBe('UPSTREAM_FAILED');
    const silent = await http((_request, response) => response.write('first'));
    const error = await ask(silent, { idleTimeoutMs: 50 })
      .then(textOf)
      .catch((reason) => reason);
    expect(error).toMatchObject({ code: 'UPSTREAM_FAILED', message: expect.stringContaining('nothing more came') });
  });

  it('ends with the reason of the signal: before, while it waits, and in the body', async () => {
    const url = await http((_request, response) => response.write('first'));
    const silent = await raw(() => {});
    const reason = new AppError('CANCELLED', 'gone');
    expect(await codeOf(ask(url, { signal: AbortSignal.abort(reason) }))).toBe('CANCELLED');
    const waiting = new AbortController();
    setTimeout(() => waiting.abort(reason), 20);
    expect(await codeOf(ask(silent, { signal: waiting.signal }))).toBe('CANCELLED');
    const reading = new AbortController();
    setTimeout(() => reading.abort(reason), 20);
    expect(await codeOf(ask(url, { signal: reading.signal }).then(textOf))).toBe('CANCELLED');
  });

  it('lets the other side wait while nobody reads, and tells it when the reader leaves', async () => {
    let written = 0;
    let closed: () => void = () => {};
    const left = new Promise<void>((resolve) => (closed = resolve));
    const url = await http((_request, response) => {
      const pour = () => {
        do written += 100_000;
        while (response.write('x'.repeat(100_000)) && written < 1e9);
      };
      response.on('drain', pour).once('close', closed);
      pour();
    });
    const { body } = await ask(url, { maxBytes: 2e9 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBeLessThan(2e7);
    for await (const chunk of body) if (chunk.length > 0) break;
    await left;
    const unread = await ask(url, { maxBytes: 2e9 });
    unread.close();
  });

  it('leaves no socket behind, whatever happened', async () => {
    const url = await http((request, response) => {
      if (request.headers['x-way'] === 'cut') response.write('half', () => response.destroy());
      else if (request.headers['x-way'] !== 'hang') response.end('whole');
    });
    const before = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const ways = ['whole', 'cut', 'hang', 'unread'] as const;
    for (let round = 0; round < 50; round++) {
      const asked = ways.map(async (way) => {
        const signal = way === 'hang' ? AbortSignal.timeout(5) : undefined;
        const reply = await ask(url, { headers: { 'x-way': way }, signal });
        return way === 'unread' ? reply.close() : textOf(reply);
      });
      await Promise.allSettled(asked);
    }
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    await vi.waitFor(() => expect(sockets()).toBeLessThanOrEqual(before), { timeout: 5000 });
  });
});
