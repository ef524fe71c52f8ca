import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootServer, type TestServer, uploadForm } from '../support/boot-server.ts';
import { identityOnnx } from '../support/tiny-onnx.ts';

const perSecond = 40;
const canary = 'canary-7f3d';
let server: TestServer;
beforeAll(async () => {
  server = await bootServer({
    environment: { LOG_FORMAT: 'json', LOG_LEVEL: 'info', HTTP_THREADS: '3', RATE_LIMIT: String(perSecond) },
  });
  const form = uploadForm(
    { modelName: 'same', modelVersion: 'v1', framework: 'onnx' },
    identityOnnx('float32', ['n', 3]),
  );
  expect((await server.as('admin').post('/model/upload', form)).status).toBe(201);
});
afterAll(() => server?.stop());

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const logFile = () => readFile(join(server.root, 'data', 'server.log'), 'utf8');
const accessOf = async (requestId: string) =>
  linesOf(await logFile()).filter((line) => line.message === 'request' && line.requestId === requestId);

/** Asks over connections of its own, which the kernel spreads over the threads; counts the answers by status. */
async function storm(login: string, connections: number, forMs: number): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const end = performance.now() + forMs;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      const ask = () =>
        socket.write(`GET /model?limit=1 HTTP/1.1\r\nhost: localhost\r\nauthorization: ${login}\r\n\r\n`);
      let text = '';
      socket.setEncoding('latin1').on('connect', ask).on('error', reject);
      socket.on('close', () => resolve());
      socket.on('data', (chunk) => {
        text += chunk;
        const head = /^HTTP\/1\.1 (\d{3})[^]*?content-length: (\d+)[^]*?\r\n\r\n/i.exec(text);
        if (!head || text.length < head[0].length + Number(head[2])) return;
        text = '';
        counts.set(Number(head[1]), (counts.get(Number(head[1])) ?? 0) + 1);
        if (performance.now() < end) ask();
        else socket.destroy();
      });
    });
  await Promise.all(Array.from({ length: connections }, one));
  return counts;
}

describe('RATE_LIMIT', () => {
  it('holds exactly over all threads, for each caller alone', async () => {
    const one = await server.user('storm-one', 'viewer');
    const other = await server.user('storm-other', 'viewer');
    for (const who of [one, other]) expect((await who.get('/model')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const begin = performance.now();
    const [first, second] = await Promise.all([
      storm(one.authorization ?? '', 12, 2_000),
      storm(other.authorization ?? '', 12, 2_000),
    ]);
    const seconds = (performance.now() - begin) / 1_000;
    for (const counts of [first, second]) {
      expect([...counts.keys()].sort()).toEqual([200, 429]);
      const passed = counts.get(200) ?? 0;
      // One second's worth at once, and what the time brought; not one more.
      expect(passed).toBeLessThanOrEqual(perSecond + seconds * perSecond + 1);
      expect(passed).toBeGreaterThan(perSecond * 2);
    }
  });

  it('tells the caller how much is left and when to come again, and never stands before health', async () => {
    const caller = await server.user('storm-told', 'viewer');
    const answers = await Promise.all(Array.from({ length: perSecond * 3 }, () => caller.get('/model?limit=1')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, body } of refused) {
      expect(body.code).toBe('RATE_LIMITED');
      expect(headers.get('retry-after')).toBe('1');
      expect(headers.get('ratelimit-remaining')).toBe('0');
    }
    expect((await caller.get('/health/ready')).status).toBe(200);
  });
});

describe('the log', () => {
  it('has one line of JSON for each request', async () => {
    const predictor = server.as('predictor');
    const good = await predictor.post('/predict', { modelName: 'same', features: [[1, 2, 3]], requestId: 'log-good' });
    await predictor.post('/predict', { modelName: 'nobody', features: 1 }, { 'x-request-id': 'log-missing' });
    await predictor.get('/model/same/v1', { 'x-request-id': 'log-read' });
    await server.as(undefined).get('/status', { 'x-request-id': 'log-nobody' });
    await expect.poll(() => accessOf('log-nobody'), { timeout: 5_000 }).toHaveLength(1);
    const [line] = await accessOf('log-good');
    expect(line).toMatchObject({
      level: 'info',
      caller: 'test-predictor',
      method: 'POST',
      route: 'POST /predict',
      status: 200,
      complete: true,
      inferenceId: good.body.inferenceId,
    });
    expect(Date.parse(String(line?.time))).toBeGreaterThan(Date.now() - 60_000);
    expect(line?.durationMs).toBeGreaterThan(0);
    expect(line?.bytes).toBeGreaterThan(JSON.stringify(good.body).length);
    expect(await accessOf('log-missing')).toMatchObject([{ status: 404, code: 'MODEL_NOT_FOUND' }]);
    expect(await accessOf('log-read')).toMatchObject([{ route: 'GET /model/{name}/{version}' }]);
    expect(await accessOf('log-nobody')).toMatchObject([{ status: 401, caller: null }]);
  });

  it('says when a caller hung up', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const head = `POST /predict HTTP/1.1\r\nhost: localhost\r\nauthorization: ${server.as('predictor').authorization}\r\nx-request-id: log-gone\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`;
    await new Promise<void>((resolve) => socket.write(head, () => resolve()));
    setTimeout(() => socket.resetAndDestroy(), 200);
    await expect.poll(() => accessOf('log-gone'), { timeout: 5_000 }).toMatchObject([{ complete: false }]);
  });

  it('has nothing of what callers send or models answer', async () => {
    const { post, get, request } = server.as('trainer');
    const headers = {
      'user-agent': canary,
      referer: `http://x/${canary}`,
      cookie: `a=${canary}`,
      'x-forwarded-for': canary,
      'accept-language': canary,
      [`x-${canary}`]: canary,
    };
    const asked = { modelName: 'same', features: [[1, 2, 3]], userId: canary, sessionId: canary };
    const event = {
      modelName: 'same',
      modelVersion: 'v1',
      features: { text: canary },
      prediction: canary,
      userId: canary,
      outcome: canary,
    };
    expect((await post('/predict', asked, headers)).status).toBe(200);
    expect((await post('/monitoring/events', event, headers)).status).toBe(201);
    const wrong = [
      await post('/predict', { modelName: 'same', features: [[canary]] }, headers),
      await post('/predict', { modelName: 'same', features: { [canary]: canary } }, headers),
      await post('/predict', { modelName: canary, features: canary }, headers),
      await post('/predict', `{"modelName":"same","features":"${canary}`, { 'content-type': 'application/json' }),
      await post('/predict', { [canary]: canary }, headers),
      await post('/feedback', { inferenceId: canary, outcome: canary }, headers),
      await get(`/model/${canary}/${canary}?${canary}=${canary}`, headers),
      await get(`/${canary}/${canary}?${canary}`, headers),
      await get(`/monitoring/events?userId=${canary}&cursor=${canary}`, headers),
      await request('PATCH', '/model/same/v1', { metadata: { [canary]: { deep: canary }, taskType: canary } }, headers),
      await post('/model/upload', uploadForm({ modelName: canary, framework: canary }, Buffer.from(canary)), headers),
    ];
    for (const answer of wrong) expect(answer.status).toBeGreaterThanOrEqual(200);
    for (const [user, password] of [
      [canary, 'x'],
      ['admin', canary],
    ])
      await get('/status', { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
    await get('/status', { authorization: `Bearer ${canary}` });
    await get('/status', { 'x-request-id': 'log-last' });
    await expect.poll(() => accessOf('log-last'), { timeout: 5_000 }).toHaveLength(1);
    const folder = join(server.root, 'data');
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.log'));
    expect(files.length).toBeGreaterThanOrEqual(2);
    const encoded = Buffer.from(`admin:${canary}`).toString('base64');
    for (const text of [
      server.log(),
      ...(await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))),
    ])
      for (const secret of [canary, encoded]) expect(text.includes(secret)).toBe(false);
    for (const secret of [server.as('admin').authorization ?? '?', 'a password for tests'])
      expect((await logFile()).includes(secret)).toBe(false);
  });

  it('X10 has no line that a caller wrote, and each can be parsed alone', async () => {
    const predictor = server.as('predictor');
    for (const text of ['\n{"level":"error","message":"forged"}', '\r\n[error] forged', '\u2028forged', '\u001b[31m'])
      for (const path of [`/model/${encodeURIComponent(text)}/v1`, `/nothing/${encodeURIComponent(text)}`])
        await predictor.get(path);
    await predictor.get('/status', { 'x-request-id': '{"level":"error","message":"forged"}' });
    const text = await logFile();
    const lines = linesOf(text);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter(({ message }) => message === 'forged')).toEqual([]);
    for (const line of lines)
      expect([typeof line.time, typeof line.level, typeof line.message]).toEqual(['string', 'string', 'string']);
    expect(text).not.toMatch(/[\u001b\u2028\r]/);
  });
});
