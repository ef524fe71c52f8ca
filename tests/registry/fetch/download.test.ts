import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { FinalError } from '../../../src/jobs/retry.ts';
import { type DownloadOptions, download } from '../../../src/registry/fetch/download.ts';
import { fileServer, sendRange } from './file-server.ts';

type Server = Awaited<ReturnType<typeof fileServer>>;

async function all({ policy, origin }: Server, options: Partial<DownloadOptions> = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const full: DownloadOptions = {
    policy,
    signal: new AbortController().signal,
    onProgress: () => {},
    maxBytes: 10_000_000,
    tooLarge: () => new AppError('MODEL_TOO_LARGE', 'too large'),
    pauseMs: 1,
    ...options,
  };
  for await (const chunk of download(new URL(`${origin}/model.onnx?token=secret`), full)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The error of a download: its code, whether the job may try again, and that it tells nothing it should not. */
async function failure(work: Promise<unknown>): Promise<[string, 'final' | 'passing']> {
  const error = await work.then(
    () => expect.fail('it did not fail'),
    (cause) => cause,
  );
  const own = error instanceof FinalError ? error.failure : error;
  if (!(own instanceof AppError)) throw error;
  expect(own.message).not.toContain('secret');
  return [own.code, error instanceof FinalError ? 'final' : 'passing'];
}

describe('a download', () => {
  it('brings the bytes as they are, and says how far it is', async () => {
    const bytes = randomBytes(300_000);
    const server = await fileServer((_request, response) =>
      response.setHeader('content-length', bytes.length).end(bytes),
    );
    const onProgress = vi.fn();
    expect((await all(server, { onProgress })).equals(bytes)).toBe(true);
    expect(onProgress.mock.lastCall).toEqual([bytes.length, bytes.length]);
    expect(server.requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity', host: server.host });
  });

  it('goes on where it broke off, from servers that know ranges and from others, wherever it breaks', async () => {
    const bytes = randomBytes(40_000);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9_999 }), { maxLength: 3 }),
        fc.constantFrom('ranges', 'whole', 'nameless'),
        async (steps, kind) => {
          let turn = 0;
          const server = await fileServer((request, response) => {
            if (kind === 'ranges') sendRange(request, response, bytes, '"v1"');
            else response.writeHead(200, { 'content-length': bytes.length, ...(kind === 'whole' && { etag: '"v1"' }) });
            const from = response.statusCode === 206 ? Number(/(\d+)-/.exec(request.headers.range ?? '')?.[1]) : 0;
            const step = steps[turn++];
            if (step === undefined) return response.end(bytes.subarray(from));
            const sent = steps.slice(0, turn).reduce((sum, each) => sum + each, 0);
            response.write(bytes.subarray(from, sent), () => setTimeout(() => response.destroy(), 5));
          });
          expect((await all(server)).equals(bytes)).toBe(true);
          expect(server.requests).toHaveLength(steps.length + 1);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('is never put together from two versions of a file', async () => {
    const versions = [randomBytes(1000), randomBytes(1000)];
    let turn = 0;
    const server = await fileServer((_request, response) => {
      const bytes = versions[turn] as Buffer;
      response.writeHead(200, { 'content-length': bytes.length, etag: `"v${turn}"` });
      if (turn++ === 0) response.write(bytes.subarray(0, 500), () => setTimeout(() => response.destroy(), 5));
      else response.end(bytes);
    });
    expect(await failure(all(server))).toEqual(['UPSTREAM_UNAVAILABLE', 'final']);
  });

  it('fails when a server sends another part than was asked for', async () => {
    let turn = 0;
    const server = await fileServer((_request, response) => {
      if (turn++ > 0) return response.writeHead(206, { 'content-range': 'bytes 0-9/1000' }).end('0123456789');
      response.writeHead(200, { 'content-length': 1000, etag: '"a"' });
      response.write('part', () => setTimeout(() => response.destroy(), 5));
    });
    expect(await failure(all(server))).toEqual(['UPSTREAM_UNAVAILABLE', 'final']);
  });

  it('gives up when nothing more comes, again and again', async () => {
    const server = await fileServer((_request, response) => {
      response.writeHead(200, { 'content-length': 1000, etag: '"a"' });
      response.write('part', () => setTimeout(() => response.destroy(), 5));
    });
    expect(await failure(all(server))).toEqual(['UPSTREAM_UNAVAILABLE', 'passing']);
    expect(server.requests.length).toBe(5);
  });

  it('does not wait for a server that falls silent, or takes all day', async () => {
    const silent = await fileServer((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('part');
    });
    expect(await failure(all(silent, { idleTimeoutMs: 20 }))).toEqual(['UPSTREAM_UNAVAILABLE', 'passing']);
    const slow = await fileServer(async (_request, response) => {
      response.writeHead(200);
      for (let i = 0; i < 100; i++) {
        response.write('x');
        await pause(10);
      }
      response.end();
    });
    expect(await failure(all(slow, { deadlineMs: 50 }))).toEqual(['UPSTREAM_UNAVAILABLE', 'final']);
  });

  it.each([
    [404, 'final'],
    [401, 'final'],
    [403, 'final'],
    [304, 'final'],
    [429, 'passing'],
    [500, 'passing'],
    [503, 'passing'],
  ] as const)('that is answered %i is %s', async (status, kind) => {
    const server = await fileServer((_request, response) => response.writeHead(status).end('<html>secret</html>'));
    expect(await failure(all(server))).toEqual(['UPSTREAM_UNAVAILABLE', kind]);
    expect(server.requests).toHaveLength(1);
  });

  it('from nobody, from what is no HTTP, and of packed bytes fails', async () => {
    const gone = await fileServer((_request, response) => response.socket?.end('220 smtp ready\r\n'));
    expect(await failure(all(gone))).toEqual(['UPSTREAM_UNAVAILABLE', 'passing']);
    const nobody = { ...gone, origin: 'http://127.0.0.1:1', policy: gone.policy };
    expect(await failure(all(nobody))).toEqual(['URL_FORBIDDEN', 'passing']);
    const packed = await fileServer((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    expect(await failure(all(packed))).toEqual(['UPSTREAM_UNAVAILABLE', 'final']);
  });

  it('of too many bytes ends at the limit, announced or not', async () => {
    const announced = await fileServer((_request, response) =>
      response.writeHead(200, { 'content-length': 5000 }).flushHeaders(),
    );
    expect(await failure(all(announced, { maxBytes: 4999 }))).toEqual(['MODEL_TOO_LARGE', 'passing']);
    const endless = await fileServer((_request, response) => {
      const more = () => {
        while (response.write(Buffer.alloc(1000)));
      };
      response.on('drain', more);
      more();
    });
    const onProgress = vi.fn();
    expect(await failure(all(endless, { maxBytes: 100_000, onProgress }))).toEqual(['MODEL_TOO_LARGE', 'passing']);
    expect(onProgress.mock.lastCall?.[0]).toBeLessThanOrEqual(100_000);
  });

  it('stops at once when nobody wants it any more, also while it waits to go on', async () => {
    const reason = new Error('cancelled');
    for (const pauseMs of [1, 60_000]) {
      const server = await fileServer((_request, response) => {
        response.writeHead(200, { 'content-length': 1000, etag: '"a"' });
        response.write('part', () => pauseMs > 1 && setTimeout(() => response.destroy(), 5));
      });
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 50);
      await expect(all(server, { signal: controller.signal, pauseMs })).rejects.toBe(reason);
      await vi.waitUntil(() => server.sockets.size === 0);
    }
  });
});
