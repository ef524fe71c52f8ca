import { execFile } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableModel } from '../../../scripts/durability/model-bytes.ts';
import {
  adminPassword,
  bootServer,
  type Client,
  client,
  type TestServer,
  uploadForm,
} from '../../support/boot-server.ts';
import { leavesTheNodeAsItWas } from '../../support/node-state.ts';
import { identityOnnx } from '../../support/tiny-onnx.ts';
import { outcome } from './abuse-client.ts';

const run = promisify(execFile);
const bytes = identityOnnx('float32', ['n', 3]);
const metadata = JSON.stringify({ taskType: 'classification', labels: ['cat', 'dog', 'owl'] });

async function upload(admin: Client): Promise<void> {
  const form = uploadForm({ modelName: 'pets', modelVersion: 'v1', framework: 'onnx', metadata }, bytes);
  expect((await admin.post('/model/upload', form)).status).toBe(201);
}
const ask = (who: Client, more: object = {}) =>
  who.post('/predict', { modelName: 'pets', features: [[0, 2, 1]], ...more });

describe('an event', () => {
  let server: TestServer;
  let predictor: Client;
  let trainer: Client;
  beforeAll(async () => {
    server = await bootServer();
    [predictor, trainer] = [server.as('predictor'), server.as('trainer')];
    await upload(server.as('admin'));
  });
  afterAll(() => server?.stop());
  leavesTheNodeAsItWas(
    () => server,
    () => ({ events: true }),
  );

  it('E3 that does not exist is not made by feedback', async () => {
    for (const id of ['nothing', '00000000-0000-7000-8000-000000000000', 'a'.repeat(200)]) {
      expect(outcome(await predictor.post('/feedback', { inferenceId: id, outcome: 1 }))).toEqual([
        404,
        'EVENT_NOT_FOUND',
      ]);
      expect(outcome(await predictor.post('/feedback', { requestId: id, outcome: 1 }))).toEqual([
        404,
        'EVENT_NOT_FOUND',
      ]);
      const put = await trainer.request('PUT', `/InferenceEvent/${id}`, { correct: true });
      expect(outcome(put)).toEqual([404, 'EVENT_NOT_FOUND']);
      expect((await trainer.get(`/InferenceEvent/${id}`)).status).toBe(404);
    }
    const endless = 'a'.repeat(5_000);
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', { correct: true }],
    ] as const)
      expect(outcome(await trainer.request(method, `/InferenceEvent/${endless}`, body))).toEqual([
        404,
        'EVENT_NOT_FOUND',
      ]);
    expect(outcome(await trainer.get(`/Model/a:${endless}`))).toEqual([404, 'MODEL_NOT_FOUND']);
  });

  it('E4 takes the same feedback twice, and another only from a trainer who says so', async () => {
    const { inferenceId } = (await ask(predictor)).body;
    const give = (who: Client, body: object) => who.post('/feedback', { inferenceId, ...body });
    const first = await give(predictor, { outcome: 'dog' });
    expect(first.body).toMatchObject({ success: true, correct: true });
    const stored = (await trainer.get(`/InferenceEvent/${inferenceId}`)).body;
    expect((await give(predictor, { outcome: 'dog' })).body).toEqual(first.body);
    expect((await trainer.get(`/InferenceEvent/${inferenceId}`)).body).toEqual(stored);
    expect(outcome(await give(predictor, { outcome: 'cat' }))).toEqual([409, 'FEEDBACK_CONFLICT']);
    expect(outcome(await give(trainer, { outcome: 'cat' }))).toEqual([409, 'FEEDBACK_CONFLICT']);
    expect(outcome(await give(predictor, { outcome: 'cat', supersedes: true }))).toEqual([403, 'FORBIDDEN']);
    expect((await trainer.get(`/InferenceEvent/${inferenceId}`)).body).toEqual(stored);
    expect((await give(trainer, { outcome: 'cat', supersedes: true })).body).toMatchObject({ correct: false });
  });

  it('E5 takes one of 100 different outcomes at once, and counts it once', async () => {
    const { inferenceId, modelVersion } = (await ask(predictor, { sessionId: 'e5' })).body;
    const labelled = async () =>
      (await trainer.get(`/monitoring/metrics?modelName=pets&modelVersion=${modelVersion}`)).body.labelled;
    const before = await labelled();
    const outcomes = Array.from({ length: 100 }, (_, index) => ['cat', 'dog', 'owl'][index % 3] ?? '');
    const answers = await Promise.all(
      outcomes.map((one) => predictor.post('/feedback', { inferenceId, outcome: one })),
    );
    const stored = JSON.parse((await trainer.get(`/InferenceEvent/${inferenceId}`)).body.actualOutcome);
    for (const [index, answer] of answers.entries())
      expect(outcome(answer)).toEqual(outcomes[index] === stored ? [200, undefined] : [409, 'FEEDBACK_CONFLICT']);
    expect(await labelled()).toBe(before + 1);
  });

  it('E6 of another user does not exist, by any name or route', async () => {
    const other = await server.user('e6-other', 'predictor');
    const { inferenceId, requestId } = (await ask(predictor, { requestId: 'e6', userId: 'e6' })).body;
    const missing = outcome(await other.post('/feedback', { inferenceId: 'nothing', outcome: 'dog' }));
    for (const answer of [
      await other.post('/feedback', { inferenceId, outcome: 'dog' }),
      await other.post('/feedback', { requestId, outcome: 'dog' }),
      await other.request('PUT', `/InferenceEvent/${inferenceId}`, { correct: true }),
      await other.request('PATCH', `/InferenceEvent/${inferenceId}`, { correct: true }),
      await other.get(`/InferenceEvent/${inferenceId}`),
    ])
      expect(outcome(answer)).toEqual(missing);
    const many = await other.post('/feedback', { items: [{ inferenceId, outcome: 'dog' }] });
    expect(many.body.results[0]).toMatchObject({ success: false, code: 'EVENT_NOT_FOUND' });
    for (const query of ['userId=e6', 'requestId=e6', 'modelName=pets'])
      expect((await other.get(`/monitoring/events?${query}`)).body.events).toEqual([]);
    expect((await other.get('/InferenceEvent/?requestId=e6')).body).toEqual([]);
    expect((await trainer.get(`/InferenceEvent/${inferenceId}`)).body.correct).toBeNull();
  });

  it('E8 takes no outcome of 10 MB, beyond all numbers or of a wrong type', async () => {
    const { inferenceId } = (await ask(predictor)).body;
    const post = (text: string) => predictor.post('/feedback', text, { 'content-type': 'application/json' });
    const body = (fields: string) => `{"inferenceId":"${inferenceId}",${fields}}`;
    expect(outcome(await post(body(`"outcome":"${'x'.repeat(10_000_000)}"`)))).toEqual([413, 'BODY_TOO_LARGE']);
    expect(outcome(await post(body('"outcome":1e999')))).toEqual([400, 'INPUT_NOT_FINITE']);
    expect(outcome(await post(body('"outcome":NaN')))).toEqual([400, 'INVALID_JSON']);
    for (const fields of ['"correct":"yes"', '"correct":1', '"outcome":1,"supersedes":"no"', '"note":1', '"items":{}'])
      expect([fields, ...outcome(await post(body(fields)))]).toEqual([fields, 400, 'INVALID_INPUT']);
    const items = Array.from({ length: 1_001 }, () => ({ inferenceId, outcome: 1 }));
    expect(outcome(await predictor.post('/feedback', { items }))[0]).toBe(400);
    expect((await trainer.get(`/InferenceEvent/${inferenceId}`)).body.feedbackTimestamp).toBeNull();
  });

  it('E9 has the time of the server, and imported ones none in the future or outside all calendars', async () => {
    const begin = Date.now();
    const { inferenceId } = (await ask(predictor)).body;
    const { timestamp } = (await trainer.get(`/InferenceEvent/${inferenceId}`)).body;
    expect(timestamp).toBeGreaterThanOrEqual(begin);
    expect(timestamp).toBeLessThanOrEqual(Date.now());
    expect(outcome(await ask(predictor, { timestamp: 0 }))).toEqual([400, 'INVALID_INPUT']);
    const imported = { modelName: 'pets', modelVersion: 'v1', prediction: 'cat' };
    for (const time of ['9999-12-31T23:59:59Z', -1, 1e20, '1e3', 'yesterday', '-000001-01-01T00:00:00Z', null, {}])
      expect([time, ...outcome(await trainer.post('/monitoring/events', { ...imported, timestamp: time }))]).toEqual([
        time,
        400,
        'INVALID_INPUT',
      ]);
    const old = await trainer.post('/monitoring/events', { ...imported, timestamp: '1970-01-01T00:00:00Z' });
    expect(old.status).toBe(201);
    const [found] = (await trainer.get('/monitoring/events?from=0&to=1')).body.events;
    expect(found).toMatchObject({ id: old.body.inferenceId, timestamp: 0 });
  });

  it('E13 is not listed by questions without sense', async () => {
    for (const query of [
      'limit=1e9',
      'limit=1000000000',
      'limit=0',
      'limit=-1',
      'limit=abc',
      'startTime=abc',
      'startTime=NaN',
      'from=9e99',
      'from=5&to=1',
      'startTime=2025-02-30',
      'timeRange=-1h',
      'timeRange=1h&from=1',
      'timeRange=99999999999999d',
      'cursor=%00',
      'cursor=xyz',
      `cursor=${'a'.repeat(600)}`,
      'hasFeedback=maybe',
      'limit=1&limit=2',
      'modelName=',
      'surprise=1',
    ])
      expect([query, outcome(await trainer.get(`/monitoring/events?${query}`))[0]]).toEqual([query, 400]);
    const page = await trainer.get('/monitoring/events?limit=1');
    expect([page.body.events.length, typeof page.body.nextCursor]).toEqual([1, 'string']);
    for (const query of ['limit(5000)', 'limit(2,1)', 'sort(featuresIn)', 'nothing=1', 'timestamp=abc', 'select(x)'])
      expect([query, ...outcome(await trainer.get(`/InferenceEvent/?${query}`))]).toEqual([
        query,
        400,
        'INVALID_INPUT',
      ]);
  });

  it('E16 is neither deleted nor rewritten', async () => {
    const { inferenceId } = (await ask(predictor)).body;
    const path = `/InferenceEvent/${inferenceId}`;
    const before = (await trainer.get(path)).body;
    for (const role of ['viewer', 'predictor', 'trainer', 'admin'] as const)
      expect([role, ...outcome(await server.as(role).request('DELETE', path))]).toEqual([role, 403, 'FORBIDDEN']);
    for (const method of ['PUT', 'PATCH'])
      for (const fields of [
        { modelName: 'x' },
        { prediction: '{}' },
        { timestamp: 1 },
        { caller: 'x' },
        { correctSource: 'caller' },
        {},
      ])
        expect(outcome(await trainer.request(method, path, { ...fields }))).toEqual([400, 'INVALID_INPUT']);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      expect(
        outcome(await trainer.request(method, '/InferenceEvent/', method === 'DELETE' ? undefined : { id: 'x' })),
      ).toEqual([403, 'FORBIDDEN']);
    expect((await trainer.get(path)).body).toEqual(before);
  });
});

describe('a write', () => {
  it('E1 that was acknowledged is there after kill -9', async () => {
    const first = await bootServer();
    const admin = first.as('admin');
    await upload(admin);
    const acknowledged: { id: string; features: number[][] }[] = [];
    let killed = false;
    const asking = Array.from({ length: 8 }, async (_, worker) => {
      for (let turn = 0; !killed; turn++) {
        const features = [[worker, turn, 0]];
        const answer = await ask(admin, { features }).catch(() => undefined);
        if (answer?.status === 200) acknowledged.push({ id: answer.body.inferenceId, features });
      }
    });
    await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(200);
    await first.kill();
    killed = true;
    await Promise.all(asking);
    const second = await bootServer({ root: first.root });
    try {
      const again = client(second.url, 'admin', adminPassword);
      const lost = [];
      for (const { id, features } of acknowledged) {
        const { status, body } = await again.get(`/InferenceEvent/${id}`);
        if (status !== 200 || body.featuresIn !== JSON.stringify(features)) lost.push(id);
      }
      expect(lost).toEqual([]);
    } finally {
      await second.stop();
      await rm(first.root, { recursive: true, force: true });
    }
  });

  const mayMount = process.platform === 'linux' && process.getuid?.() === 0;

  it.runIf(mayMount)(
    'E2 that finds the disk full is answered 507, reads go on, and it recovers by itself',
    { timeout: 120_000 },
    async (context) => {
      const disk = await mkdtemp(join(tmpdir(), 'full-disk-'));
      const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', disk]).then(
        () => true,
        () => false,
      );
      if (!mounted) context.skip('no tmpfs can be mounted here');
      let server: TestServer | undefined;
      try {
        const root = join(disk, 'root');
        server = await bootServer({ root });
        const admin = client(server.url, 'admin', adminPassword);
        await upload(admin);
        const kept = (await ask(admin)).body.inferenceId;
        const { bavail, bsize } = await statfs(disk);
        await writeFile(join(disk, 'ballast'), Buffer.alloc(bavail * bsize - 500_000));

        const refusals = [];
        for (let turn = 0; turn < 3_000 && refusals.length < 50; turn++) {
          const answer = await ask(admin, { features: [[turn, 0, 0]] });
          if (answer.status !== 200) refusals.push(answer);
        }
        expect(refusals.length).toBe(50);
        for (const answer of refusals) {
          expect(outcome(answer)).toEqual([507, 'STORAGE_FULL']);
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        }
        const form = uploadForm(
          { modelName: 'large', modelVersion: 'v1', framework: 'onnx' },
          tableModel(20_000, 1).bytes,
        );
        expect(outcome(await admin.post('/model/upload', form))).toEqual([507, 'STORAGE_FULL']);
        expect((await admin.get(`/InferenceEvent/${kept}`)).status).toBe(200);
        expect((await admin.get('/model/pets/v1')).status).toBe(200);
        expect((await admin.get('/model/large/v1')).status).toBe(404);

        await rm(join(disk, 'ballast'));
        await expect.poll(async () => (await ask(admin)).status, { timeout: 5_000 }).toBe(200);
        expect((await admin.get('/health/ready')).status).toBe(200);
      } finally {
        await server?.stop();
        await run('umount', ['-l', disk]);
        await rm(disk, { recursive: true, force: true });
      }
    },
  );
});
