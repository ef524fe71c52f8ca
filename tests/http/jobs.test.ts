import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { tableModel } from '../../scripts/durability/model-bytes.ts';
import {
  type Answer,
  adminPassword,
  bootServer,
  type Client,
  client,
  type TestServer,
} from '../support/boot-server.ts';
import { addOnnx, identityOnnx } from '../support/tiny-onnx.ts';

const bytes = identityOnnx('float32', ['n', 3]);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** What the world outside holds: files that come at once, slowly, or never; all on loopback. */
const outside = {
  hits: [] as string[],
  /** Pauses that `/slow` makes between its parts. */
  slowMs: 20,
};
const large = tableModel(6000, 4).bytes;
const answers: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/model.onnx': (_request, response) => response.end(bytes),
  '/broken.onnx': (_request, response) => response.end('<html>no model</html>'),
  '/missing.onnx': (_request, response) => response.writeHead(404).end('<html>secret</html>'),
  '/busy.onnx': (_request, response) => response.writeHead(503).end(),
  '/out': (request, response) =>
    response.writeHead(302, { location: new URL(request.url ?? '', 'http://x').searchParams.get('to') ?? '' }).end(),
  '/slow.onnx': async (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const head = { etag: '"large"', 'content-length': large.length - from };
    response.writeHead(from > 0 ? 206 : 200, {
      ...head,
      ...(from > 0 && { 'content-range': `bytes ${from}-${large.length - 1}/${large.length}` }),
    });
    const step = Math.ceil(large.length / 50);
    for (let at = from; at < large.length && !response.destroyed; at += step) {
      response.write(large.subarray(at, at + step));
      await pause(outside.slowMs);
    }
    response.end();
  },
};
const world = createServer((request, response) => {
  outside.hits.push(request.url ?? '');
  const answer = answers[(request.url ?? '').replace(/\?.*$/, '')];
  if (answer) answer(request, response);
  else hubAnswer(request, response);
});

const commit = 'a'.repeat(40);
const hubFiles: Readonly<Record<string, Buffer>> = {
  'config.json': Buffer.from('{"model_type":"tiny"}'),
  'onnx/model.onnx': Buffer.from(bytes),
  'onnx/model_quantized.onnx': Buffer.from(addOnnx()),
  'pytorch_model.bin': randomBytes(100),
  'README.md': Buffer.from('# tiny'),
};

/** Speaks the paths of the hub: a list of a repository's files, and each of them by redirect to a store. */
function hubAnswer({ url = '' }: IncomingMessage, response: ServerResponse): void {
  if (url.startsWith('/api/models/owner/tiny/revision/main')) {
    const siblings = Object.entries(hubFiles).map(([rfilename, data]) => ({
      rfilename,
      size: data.length,
      ...(/onnx$|bin$/.test(rfilename) && { lfs: { sha256: sha256(data), size: data.length } }),
    }));
    return void response.end(JSON.stringify({ id: 'owner/tiny', sha: commit, siblings }));
  }
  const path = url.split(`/owner/tiny/resolve/${commit}/`)[1];
  if (path !== undefined) return void response.writeHead(302, { location: `/store/${path}` }).end();
  const data = hubFiles[url.replace('/store/', '')];
  if (data) response.end(data);
  else response.writeHead(404).end();
}

let server: TestServer;
let folder: string;
let origin: string;
let trainer: Client;

beforeAll(async () => {
  await new Promise<void>((resolve) => world.listen(0, '127.0.0.1', resolve));
  const { port } = world.address() as AddressInfo;
  origin = `http://127.0.0.1:${port}`;
  folder = await mkdtemp(join(tmpdir(), 'ai-ops-models-'));
  await mkdir(join(folder, 'tiny'));
  await writeFile(join(folder, 'tiny', 'tiny.onnx'), bytes);
  await writeFile(join(folder, 'tiny', 'labels.json'), '["a","b"]');
  await writeFile(join(folder, 'bare.onnx'), bytes);
  await symlink('/etc', join(folder, 'etc'));
  const environment = {
    MODELS_DIR: folder,
    EGRESS_ALLOW: `127.0.0.1:${port}`,
    ALLOW_REMOTE_MODELS: 'true',
    HF_ENDPOINT: origin,
    HTTP_THREADS: '2',
  };
  server = await bootServer({ environment });
  trainer = server.as('trainer');
});
afterAll(async () => {
  await server?.stop();
  world.closeAllConnections();
  world.close();
  await rm(folder, { recursive: true, force: true });
});

const fetchModel = (body: object, asker = trainer): Promise<Answer> => asker.post('/models/fetch', body);

async function until(id: string, isReached: (job: Answer['body']) => boolean, asker = trainer, timeoutMs = 30_000) {
  for (const begin = Date.now(); ; await pause(20)) {
    // A connection each, so that all threads answer.
    const { body, status } = await asker.get(`/jobs/${id}`, { connection: 'close' });
    if (status !== 200) throw new Error(`GET /jobs/${id}: ${status} ${JSON.stringify(body)}`);
    if (isReached(body)) return body;
    if (Date.now() - begin > timeoutMs) throw new Error(`the job stays ${JSON.stringify(body)}`);
  }
}
const ended = (job: { status: string }) => ['completed', 'failed', 'cancelled'].includes(job.status);

/** Everything in the package store but the packages of models that are registered. */
async function leftovers(): Promise<string[]> {
  const root = join(server.root, 'data', 'models');
  const { body } = await server.as('admin').get('/model?limit=1000');
  const digests = new Set(body.models.map(({ digest }: { digest: string }) => digest));
  const names = async (part: string) => readdir(join(root, part)).catch(() => []);
  const packages = (await names('packages')).filter((name) => !digests.has(name.slice(0, 64)));
  return [...(await names('incoming')), ...(await names('making')), ...packages];
}

describe('a model is fetched', () => {
  it('from a file below MODELS_DIR, at both paths', async () => {
    for (const [path, modelName] of [
      ['/models/fetch', 'from-file'],
      ['/model/fetch', 'from-file-again'],
    ] as const) {
      const { status, headers, body } = await trainer.post(path, {
        source: 'filesystem',
        sourceReference: 'bare.onnx',
        modelName,
        metadata: { description: 'bare' },
        sha256: sha256(bytes).toUpperCase(),
      });
      expect([status, headers.get('location')]).toEqual([202, `/jobs/${body.id}`]);
      expect(body).toEqual({
        id: expect.any(String),
        jobId: body.id,
        type: 'fetch',
        status: 'queued',
        progress: { done: 0, total: null, unit: 'bytes' },
        modelName,
        modelVersion: 'v1',
        createdBy: 'test-trainer',
        createdAt: expect.any(Number),
        startedAt: null,
        completedAt: null,
        attempts: 0,
        result: null,
        error: null,
      });
      const job = await until(body.id, ended);
      expect(job).toMatchObject({
        status: 'completed',
        progress: { done: bytes.length, total: bytes.length, unit: 'bytes' },
        attempts: 1,
        result: { modelName, modelVersion: 'v1', digest: sha256(bytes) },
        error: null,
      });
      const model = await trainer.get(`/model/${modelName}/v1`);
      expect(model.body).toMatchObject({
        framework: 'onnx',
        stage: 'candidate',
        uploadedBy: 'test-trainer',
        digest: sha256(bytes),
        metadata: { description: 'bare' },
      });
    }
    expect(await leftovers()).toEqual([]);
  });

  it('from a folder, as a package, and it answers', async () => {
    const { body } = await fetchModel({
      source: 'filesystem',
      sourceReference: 'tiny',
      modelName: 'from-folder',
      modelVersion: 'v7',
    });
    const job = await until(body.id, ended);
    expect([job.status, job.result?.modelVersion]).toEqual(['completed', 'v7']);
    const { status } = await trainer.post('/predict', { modelName: 'from-folder', features: { x: [[1, 2, 3]] } });
    expect(status).toBe(200);
  });

  it("from the product's own models/", async () => {
    const sourceReference = 'models/bundles/digits-onnx.onnx';
    const { body } = await fetchModel({ source: 'filesystem', sourceReference, modelName: 'from-product' });
    expect(await until(body.id, ended)).toMatchObject({ status: 'completed' });
  });

  it('from a URL, following a redirect to where it may go', async () => {
    for (const [modelName, sourceReference] of [
      ['from-url', `${origin}/model.onnx?token=secret`],
      ['from-redirect', `${origin}/out?to=${encodeURIComponent('/model.onnx')}`],
    ]) {
      const { status, body } = await fetchModel({ source: 'url', sourceReference, modelName, sha256: sha256(bytes) });
      expect(status).toBe(202);
      expect(await until(body.id, ended)).toMatchObject({
        status: 'completed',
        result: { modelName, digest: sha256(bytes) },
      });
    }
  });

  it('from a hub, in the variant asked for', async () => {
    for (const [variant, model] of [
      ['fp32', bytes],
      ['q8', addOnnx()],
    ] as const) {
      const request = {
        source: 'huggingface',
        sourceReference: 'owner/tiny',
        variant,
        modelName: `hub-${variant}`,
        framework: 'onnx',
      };
      const { body } = await fetchModel(request);
      const job = await until(body.id, ended);
      expect([job.status, job.error]).toEqual(['completed', null]);
      expect(job.progress.done).toBe(hubFiles['config.json']!.length + model.length);
    }
    expect(outside.hits.filter((url) => /pytorch|README/.test(url))).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  it('with its progress to be seen, by any trainer', async () => {
    // Progress is written twice a second at most, so the download must take a few.
    const { slowMs } = outside;
    outside.slowMs = 60;
    onTestFinished(() => {
      outside.slowMs = slowMs;
    });
    const { body } = await fetchModel({ source: 'url', sourceReference: `${origin}/slow.onnx`, modelName: 'seen' });
    const seen = new Set<number>();
    const job = await until(body.id, (now) => {
      if (now.phase === 'downloading' && now.progress.total === large.length) seen.add(now.progress.done);
      return ended(now);
    });
    expect(job).toMatchObject({
      status: 'completed',
      progress: { done: large.length, total: large.length, unit: 'bytes' },
    });
    expect(seen.size).toBeGreaterThan(1);
    expect([...seen]).toEqual([...seen].sort((a, b) => a - b));
    const other = await server.user('other-trainer', 'trainer');
    const { body: page } = await other.get('/jobs?type=fetch&status=completed&modelName=seen');
    expect(page.jobs.map(({ id }: { id: string }) => id)).toEqual([body.id]);
  });
});

describe('a fetch that fails', () => {
  it.each([
    ['a file that is no model', '/broken.onnx', {}, 'MODEL_MALFORMED', 1],
    ['a file that is not there', '/missing.onnx', {}, 'UPSTREAM_UNAVAILABLE', 1],
    ['other bytes than expected', '/model.onnx', { sha256: '0'.repeat(64) }, 'DIGEST_MISMATCH', 1],
    ['another framework', '/model.onnx', { framework: 'tensorflow' }, 'MODEL_FORMAT', 1],
    ['a version that is taken', '/slow.onnx', { modelName: 'from-url' }, 'VERSION_IMMUTABLE', 1],
    ['a server that stays busy', '/busy.onnx', {}, 'UPSTREAM_UNAVAILABLE', 3],
  ])('%s says so and leaves nothing', async (_case, path, more, code, attempts) => {
    const { body } = await fetchModel({ source: 'url', sourceReference: origin + path, modelName: 'failed', ...more });
    const job = await until(body.id, ended);
    expect([job.status, job.error?.code, job.attempts, job.result]).toEqual(['failed', code, attempts, null]);
    expect(job.error.detail).not.toContain('secret');
    if (!('modelName' in more)) expect((await trainer.get('/model/failed/versions')).status).toBe(404);
    expect(await leftovers()).toEqual([]);
  });

  it('offline: nobody answers, and the job says which server', async () => {
    // Loopback port 1 is not allowed, so a public name that never resolves stands for a network that is not there.
    const request = { source: 'url', sourceReference: 'https://models.invalid/a.onnx', modelName: 'failed' };
    const { status, body } = await fetchModel(request);
    expect(status).toBe(202);
    const job = await until(body.id, ended);
    expect([job.error.code, job.attempts]).toEqual(['UPSTREAM_UNAVAILABLE', 3]);
    expect(job.error.detail).toContain('models.invalid');
  });
});

describe('M25: a URL of a model', () => {
  const forbidden = [
    'http://169.254.169.254/',
    'https://169.254.169.254/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'http://[::ffff:127.0.0.1]',
    'https://[::ffff:127.0.0.1]/',
    'http://0x7f.1',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://127.0.0.1/',
    'https://localhost/',
    'http://localhost/',
    'https://[::1]/',
    'https://10.0.0.1/',
    'https://[fd00::1]/',
    'https://[64:ff9b::7f00:1]/',
    'http://example.com/',
    'https://u:p@example.com/',
    'ftp://example.com/',
    '//example.com/',
    'example.com',
  ];
  it('that leads to a place which is not public is refused at once, and nothing is asked', async () => {
    const before = outside.hits.length;
    const here = (world.address() as AddressInfo).port;
    const withPorts = [
      `https://127.0.0.2:${here}/`,
      `http://localhost:${here}/model.onnx`,
      `http://[::ffff:127.0.0.1]:${here}/model.onnx`,
      `http://0:${here}/`,
    ];
    for (const sourceReference of [...forbidden, ...withPorts]) {
      const { status, body } = await fetchModel({ source: 'url', sourceReference, modelName: 'forbidden' });
      expect([sourceReference, status, body.code]).toEqual([sourceReference, 422, 'URL_FORBIDDEN']);
    }
    expect(outside.hits.length).toBe(before);
    expect((await trainer.get('/jobs?modelName=forbidden')).body.jobs).toEqual([]);
  });

  it('that redirects there ends the job, and nothing is asked there', async () => {
    const here = (world.address() as AddressInfo).port;
    for (const to of [
      `http://localhost:${here}/model.onnx`,
      'http://169.254.169.254/',
      'file:///etc/passwd',
      'http://[::1]/',
    ]) {
      const before = outside.hits.length;
      const sourceReference = `${origin}/out?to=${encodeURIComponent(to)}`;
      const { body } = await fetchModel({ source: 'url', sourceReference, modelName: 'forbidden' });
      const job = await until(body.id, ended);
      expect([to, job.error?.code, outside.hits.length - before]).toEqual([to, 'URL_FORBIDDEN', 1]);
    }
  });
});

describe('a request to fetch', () => {
  it.each(['../x', '/etc/passwd', 'etc/passwd', 'etc', 'nothing', 'tiny/../bare.onnx', '/proc/self/environ'])(
    'for the path %s is refused',
    async (sourceReference) => {
      const { status, body } = await fetchModel({ source: 'filesystem', sourceReference, modelName: 'forbidden' });
      expect([status, body.code]).toEqual([422, 'PATH_FORBIDDEN']);
      expect(JSON.stringify(body)).not.toContain(folder);
    },
  );

  it('is checked like any other', async () => {
    const good = { source: 'filesystem', sourceReference: 'bare.onnx', modelName: 'checked' };
    const cases: [object, number, string][] = [
      [{ ...good, source: 'ftp' }, 400, 'INVALID_INPUT'],
      [{ ...good, sourceReference: '' }, 400, 'INVALID_INPUT'],
      [{ ...good, modelName: '../x' }, 400, 'ID_INVALID'],
      [{ ...good, modelName: 'fetch' }, 400, 'ID_INVALID'],
      [{ ...good, framework: 'abacus' }, 400, 'INVALID_INPUT'],
      [{ ...good, sha256: 'x' }, 400, 'INVALID_INPUT'],
      [{ ...good, stage: 'production' }, 400, 'INVALID_INPUT'],
      [{ ...good, variant: 'q3' }, 400, 'INVALID_INPUT'],
      [{ ...good, source: 'huggingface', sourceReference: 'owner/../x' }, 400, 'INVALID_INPUT'],
      [{ ...good, source: 'url', sourceReference: `${origin}/model.onnx`, variant: 'q8' }, 400, 'INVALID_INPUT'],
    ];
    for (const [body, status, code] of cases) {
      const reply = await fetchModel(body);
      expect([body, reply.status, reply.body.code]).toEqual([body, status, code]);
    }
    for (const role of ['viewer', 'predictor'] as const)
      expect((await fetchModel(good, server.as(role))).body.code).toBe('FORBIDDEN');
  });
});

describe('a job is controlled', () => {
  const slow = (modelName: string) => fetchModel({ source: 'url', sourceReference: `${origin}/slow.onnx`, modelName });
  const underWay = (job: Answer['body']) => job.status === 'running' && job.progress.done > 0;

  it('by cancelling it in the middle of a download, which leaves nothing', async () => {
    outside.slowMs = 200;
    const { body } = await slow('cancelled');
    await until(body.id, underWay);
    const cancelled = await trainer.post(`/jobs/${body.id}/cancel`);
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    expect(cancelled.body.completedAt).toBeGreaterThan(0);
    for (const begin = Date.now(); (await leftovers()).length > 0 && Date.now() - begin < 5000; ) await pause(20);
    expect(await leftovers()).toEqual([]);
    for (const change of ['cancel', 'pause', 'resume']) {
      const again = await trainer.post(`/jobs/${body.id}/${change}`);
      expect([again.status, again.body.code]).toEqual([409, 'STATE_CONFLICT']);
    }
    await pause(1000);
    expect((await trainer.get(`/jobs/${body.id}`)).body).toEqual(cancelled.body);
    expect((await trainer.get('/model/cancelled/versions')).status).toBe(404);
  });

  it('by pausing and resuming it', async () => {
    outside.slowMs = 100;
    const { body } = await slow('paused');
    await until(body.id, underWay);
    expect((await trainer.post(`/jobs/${body.id}/pause`)).body.status).toBe('paused');
    await pause(500);
    expect(await leftovers()).toEqual([]);
    outside.slowMs = 1;
    const resumed = await trainer.post(`/jobs/${body.id}/resume`, {});
    expect([resumed.status, resumed.body.status]).toEqual([200, 'queued']);
    expect(await until(body.id, ended)).toMatchObject({ status: 'completed', result: { digest: sha256(large) } });
  });

  it('only with an empty body, by a trainer, and when it is there', async () => {
    const { body: page } = await trainer.get('/jobs?limit=1');
    const id = page.jobs[0].id;
    expect((await trainer.post(`/jobs/${id}/cancel`, { why: 'x' })).body.code).toBe('INVALID_INPUT');
    expect((await trainer.post(`/jobs/${id}/cancel`, 'x', { 'content-type': 'text/plain' })).status).toBe(415);
    for (const role of ['viewer', 'predictor'] as const) {
      expect((await server.as(role).get('/jobs')).status).toBe(403);
      expect((await server.as(role).post(`/jobs/${id}/cancel`)).status).toBe(403);
    }
    for (const path of ['/jobs/nobody', '/Jobs/nobody', '/Job/nobody'])
      expect((await trainer.get(path)).body.code).toBe('JOB_NOT_FOUND');
    expect((await trainer.post('/jobs/nobody/cancel')).body.code).toBe('JOB_NOT_FOUND');
    expect((await trainer.get('/jobs?status=done')).status).toBe(400);
  });

  it('in pages and as a table', async () => {
    const first = (await trainer.get('/jobs?limit=2')).body;
    const second = (await trainer.get(`/jobs?limit=2&cursor=${first.nextCursor}`)).body;
    const times = [...first.jobs, ...second.jobs].map(({ createdAt }: { createdAt: number }) => createdAt);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times).toHaveLength(4);
    const { body } = await trainer.get('/Job/?status=completed&modelName=paused');
    expect(body).toHaveLength(1);
    expect(JSON.parse(body[0].result)).toMatchObject({ modelName: 'paused' });
    expect((await trainer.request('DELETE', `/Job/${body[0].id}`)).status).toBe(403);
  });
});

describe('a server that is killed in the middle of a download', () => {
  it('leaves the job alone, and the next goes on with it', async () => {
    outside.slowMs = 200;
    const { body } = await fetchModel({ source: 'url', sourceReference: `${origin}/slow.onnx`, modelName: 'survivor' });
    await until(body.id, (job) => job.status === 'running' && job.progress.done > 0);
    const root = join(server.root, 'data', 'models', 'incoming');
    expect(await readdir(root)).toHaveLength(1);
    await server.kill();
    outside.slowMs = 1;
    const { port } = world.address() as AddressInfo;
    const environment = { MODELS_DIR: folder, EGRESS_ALLOW: `127.0.0.1:${port}`, HTTP_THREADS: '2' };
    const next = await bootServer({ environment, root: server.root });
    server = { ...next, stop: next.stop };
    const admin = client(next.url, 'admin', adminPassword);
    const job = await until(body.id, ended, admin, 50_000);
    expect(job).toMatchObject({
      status: 'completed',
      attempts: 2,
      result: { modelName: 'survivor', digest: sha256(large) },
    });
    expect((await admin.get('/model/survivor/v1')).status).toBe(200);
    expect(await readdir(root)).toEqual([]);
    const { body: hub } = await admin.post('/models/fetch', {
      source: 'huggingface',
      sourceReference: 'owner/tiny',
      modelName: 'not-allowed',
    });
    expect([hub.code, hub.detail.includes('ALLOW_REMOTE_MODELS')]).toEqual(['URL_FORBIDDEN', true]);
  });
});
