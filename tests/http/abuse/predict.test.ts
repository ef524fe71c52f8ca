import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepare } from '../../../scripts/fuzz/prepare.ts';
import { bootServer, type Client, type TestServer, uploadForm } from '../../support/boot-server.ts';
import { wellBehaved } from '../../support/misbehaving-models.ts';
import { leavesTheNodeAsItWas } from '../../support/node-state.ts';
import { addOnnx, identityOnnx } from '../../support/tiny-onnx.ts';
import { outcome, raw } from './abuse-client.ts';

// P3 to P5 (a model that takes all memory, never returns or crashes) are in tests/http/isolation.test.ts.

const cacheSize = 3;
let server: TestServer;
let predictor: Client;
beforeAll(async () => {
  server = await bootServer({ environment: { MODEL_CACHE_SIZE: String(cacheSize) } });
  predictor = server.as('predictor');
  await prepare({ url: server.url, authorization: server.as('admin').authorization ?? '' });
  await upload('identity', identityOnnx('float32', ['n', 3]));
  await upload('longs', identityOnnx('int64', ['n']));
});
afterAll(() => server?.stop());
leavesTheNodeAsItWas(
  () => server,
  (name) => ({ events: true, models: /^P(8|14|15|16|17|18|19) /.test(name) }),
);

async function upload(modelName: string, bytes: Uint8Array, modelVersion = 'v1', stage = 'candidate'): Promise<void> {
  const form = uploadForm({ modelName, modelVersion, framework: 'onnx', stage }, bytes);
  const { status, body } = await server.as('admin').post('/model/upload', form);
  expect({ modelName, status, code: body.code }).toEqual({ modelName, status: 201, code: undefined });
}
const ask = (modelName: string, features: unknown) => predictor.post('/predict', { modelName, features });
const json = { 'content-type': 'application/json' };
const valid = { modelName: 'identity', features: [[1, 2, 3]] };
const queues = async () => (await server.as('viewer').get('/status')).body.queues;

describe('what is asked', () => {
  it('P1 with a wrong name, shape or type is told which input and why, in our words', async () => {
    for (const [features, code] of [
      [{ y: [[1, 2, 3]] }, 'INPUT_NAME'],
      [{ x: [[1, 2, 3]], z: 1 }, 'INPUT_NAME'],
      [[[1, 2]], 'INPUT_SHAPE'],
      [[[[1, 2, 3]]], 'INPUT_SHAPE'],
      [[['a', 'b', 'c']], 'INPUT_DTYPE'],
      [{ dtype: 'int64', shape: [1, 3], data: [1, 2, 3] }, 'INPUT_DTYPE'],
    ] as const) {
      const answer = await ask('identity', features);
      expect(outcome(answer)).toEqual([400, code]);
      expect(answer.body.errors[0].path).toMatch(/^features/);
      expect(JSON.stringify(answer.body)).not.toMatch(/onnxruntime|Got invalid dimensions|node_modules/i);
    }
    for (const modelName of ['digits-tensorflow', 'digits-onnx']) {
      const { status } = await ask(modelName, []);
      expect({ modelName, isOurs: status === 200 || status === 400 }).toEqual({ modelName, isOurs: true });
    }
  });

  it('P2 with numbers that are none, or that are exact only as text', async () => {
    const typed = (text: string) =>
      `{"modelName":"identity","features":{"dtype":"float32","shape":[1,3],"data":[${text},0,0]}}`;
    const post = (body: string) => predictor.post('/predict', body, json);
    for (const [body, code] of [
      ['{"modelName":"identity","features":[[1e999,0,0]]}', 'INPUT_NOT_FINITE'],
      [typed('-1e400'), 'INPUT_NOT_FINITE'],
      ['{"modelName":"identity","features":[["Infinity",0,0]]}', 'INPUT_DTYPE'],
      ['{"modelName":"identity","features":[[NaN,0,0]]}', 'INVALID_JSON'],
      ['{"modelName":"longs","features":[9007199254740993]}', 'INPUT_DTYPE'],
      ['{"modelName":"longs","features":["9223372036854775808"]}', 'INPUT_DTYPE'],
    ] as const) {
      const [status, seen] = outcome(await post(body));
      expect({ body, status }).toEqual({ body, status: 400 });
      if (code !== 'INPUT_DTYPE') expect(seen).toBe(code);
    }
    expect((await post(typed('"NaN"'))).body.prediction.y.data[0]).toBe('NaN');
    const exact = await ask('longs', {
      dtype: 'int64',
      shape: [2],
      data: ['9007199254740993', '-9223372036854775808'],
    });
    expect(exact.body.prediction.y.data).toEqual(['9007199254740993', '-9223372036854775808']);
    expect(Object.is((await post('{"modelName":"identity","features":[[-0,0,0]]}')).status, 200)).toBe(true);
  });

  it('P6 of too many texts, or one that is too long, is 413', async () => {
    const many = { texts: new Array(1_000_000).fill('a') };
    const long = { texts: ['a'.repeat(9_000_000)] };
    for (const features of [many, long])
      expect(outcome(await ask('all-minilm-l6-v2', features))).toEqual([413, 'BATCH_LIMIT']);
    const beyond = await ask('all-minilm-l6-v2', { texts: ['a'.repeat(10_000_001)] });
    expect(outcome(beyond)).toEqual([413, 'BODY_TOO_LARGE']);
    const ranked = { products: [{ id: 'p', description: 'a'.repeat(9_000_000) }], userContext: {} };
    expect((await predictor.post('/personalize', ranked)).status).toBeLessThan(500);
    expect((await ask('all-minilm-l6-v2', { texts: ['a'] })).status).toBe(200);
  });

  it('P7 in deep JSON, CBOR or MessagePack', async () => {
    const deep = `{"modelName":"identity","features":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    expect(outcome(await predictor.post('/predict', deep, json))).toEqual([400, 'INVALID_JSON']);
    expect(outcome(await predictor.post('/predict', '{"a":'.repeat(200_000), json))).toEqual([400, 'INVALID_JSON']);
    for (const type of ['application/cbor', 'application/x-msgpack', 'application/msgpack'])
      for (const bytes of [
        Buffer.alloc(200_000, 0x81),
        Buffer.from('ddffffffff', 'hex'),
        Buffer.from('9affffffff', 'hex'),
      ])
        expect(outcome(await predictor.post('/predict', bytes, { 'content-type': type }))).toEqual([
          415,
          'UNSUPPORTED_MEDIA_TYPE',
        ]);
  });

  it('P8 under names that objects have by themselves', async () => {
    for (const key of ['__proto__', 'constructor', 'hasOwnProperty', 'toString']) {
      const body = `{"modelName":"identity","features":[[1,2,3]],"${key}":{"polluted":true,"prototype":{"polluted":true}}}`;
      expect(outcome(await predictor.post('/predict', body, json))).toEqual([400, 'INVALID_INPUT']);
      const features = `{"modelName":"identity","features":{"${key}":{"polluted":true}}}`;
      expect(outcome(await predictor.post('/predict', features, json))).toEqual([400, 'INPUT_NAME']);
      expect((await server.as('viewer').get(`/model?${key}=1`)).status).toBe(400);
      const metadata = `{"metadata":{"${key}":{"polluted":true}}}`;
      expect((await server.as('trainer').request('PATCH', '/model/identity/v1', metadata, json)).status).toBeLessThan(
        500,
      );
    }
    const { body } = await ask('identity', [[1, 2, 3]]);
    expect(body.polluted).toBeUndefined();
    expect((await server.as('viewer').get('/status')).body.polluted).toBeUndefined();
  });

  it('P9 under another content type, or two of them', async () => {
    const post = async (type: string) =>
      outcome(await predictor.post('/predict', JSON.stringify(valid), { 'content-type': type }));
    for (const type of [
      'application/json\ta',
      'application/json; a',
      'application/json; charset=x',
      'application/jsonx',
      'text/plain',
      'application/json, text/plain',
      'application/x-www-form-urlencoded',
    ])
      expect([type, ...(await post(type))]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE']);
    for (const type of [' application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"'])
      expect([type, ...(await post(type))]).toEqual([type, 200, undefined]);
    const text = JSON.stringify(valid);
    const send = (types: string) =>
      raw(server.url, [
        `POST /predict HTTP/1.1\r\nhost: x\r\nauthorization: ${predictor.authorization}\r\n${types}content-length: ${text.length}\r\n\r\n${text}`,
      ]);
    const type = 'content-type: application/json\r\n';
    expect((await send(type)).statuses).toEqual([200]);
    expect((await send('')).statuses).toEqual([415]);
    // Two say two things to two readers, also when they are the same.
    expect((await send(`${type}content-type: text/plain\r\n`)).statuses).toEqual([415]);
    expect((await send(type + type)).statuses).toEqual([415]);
  });

  it('P10 by one who accepts no JSON', async () => {
    const get = async (path: string, accept: string) => outcome(await server.as('viewer').get(path, { accept }));
    const thousand = Array.from({ length: 900 }, (_, index) => `a/b${index}`).join(',');
    for (const accept of ['image/png', 'text/csv', 'application/json;q=0', thousand, ';', 'application/cbor'])
      expect([accept, ...(await get('/model', accept))]).toEqual([accept, 406, 'NOT_ACCEPTABLE']);
    for (const accept of ['text/csv, application/json;q=0.1', '*/*', `${thousand},*/*`])
      expect(await get('/model', accept)).toEqual([200, undefined]);
    const table = await server.as('viewer').get('/Model/', { accept: '*/*' });
    expect(table.headers.get('content-type')).toBe('application/json');
  });

  it('P11 at a malformed address, or in text that is no Unicode', async () => {
    const get = async (target: string) => {
      const head = `GET ${target} HTTP/1.1\r\nhost: x\r\nauthorization: ${server.as('viewer').authorization}\r\n\r\n`;
      return (await raw(server.url, [head])).statuses;
    };
    for (const target of [
      '/model/%ZZ/v1',
      '/model/%c0%af/v1',
      '/model/%ED%A0%80/v1',
      '//model',
      '/model//v1',
      '/Model/?(((((',
      '/model?limit=%ff',
      '/%',
    ])
      expect([target, ...(await get(target))]).toEqual([target, 400]);
    const lone = '{"modelName":"identity","features":[[1,2,3]],"userId":"\\ud800"}';
    expect(outcome(await predictor.post('/predict', lone, json))[0]).toBe(400);
    const overlong = Buffer.concat([
      Buffer.from('{"modelName":"identity","userId":"'),
      Buffer.from([0xc0, 0xaf]),
      Buffer.from('"}'),
    ]);
    expect(outcome(await predictor.post('/predict', overlong, json))).toEqual([400, 'INVALID_JSON']);
    for (const text of ['\\ud800', '\\udc00x'])
      expect(
        outcome(
          await predictor.post('/predict', `{"modelName":"all-minilm-l6-v2","features":{"texts":["${text}"]}}`, json),
        )[0],
      ).toBe(400);
  });

  it('P12 in any script is kept as it came', async () => {
    const family = '👩‍👩‍👧‍👦';
    for (const userId of ['é', 'e\u0301', '\u202eabc', family, '\ufeffx', 'a\u0000b', '\u2028']) {
      const { status, body } = await predictor.post('/predict', { ...valid, userId });
      expect(status).toBe(200);
      const found = await server.as('trainer').get(`/monitoring/events?userId=${encodeURIComponent(userId)}`);
      expect(found.body.events.map((event: { id: string }) => event.id)).toContain(body.inferenceId);
      expect(found.body.events[0].userId).toBe(userId);
    }
    const megabyte = family.repeat(Math.floor(1_000_000 / Buffer.byteLength(family)));
    expect((await ask('all-minilm-l6-v2', { texts: [megabyte] })).status).toBe(200);
    expect(outcome(await predictor.post('/predict', `\ufeff${JSON.stringify(valid)}`, json))[0]).toBeLessThan(401);
    for (const name of ['é', 'e\u0301']) expect(outcome(await ask(name, {}))).toEqual([400, 'ID_INVALID']);
  });
});

describe('many who ask', () => {
  it('P14 a cold model at once are all answered, and it is loaded where all find it', async () => {
    await upload('cold', wellBehaved('cold'));
    for (let other = 0; other < cacheSize; other++) await upload(`warm-${other}`, wellBehaved(`warm ${other}`));
    const loaded = async () => {
      const { body } = await server.as('viewer').get('/status');
      return body.models.filter(
        ({ modelName, state }: Record<string, string>) => modelName === 'cold' && state === 'ready',
      );
    };
    expect(await loaded()).toEqual([]);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask('cold', { x: [[1, 2]] })));
    for (const answer of answers) {
      const [status, code] = outcome(answer);
      if (status === 200) expect(answer.body.prediction.y.data).toEqual([2, 3]);
      else {
        expect([429, 503]).toContain(status);
        expect(['QUEUE_FULL', 'OVERLOADED']).toContain(code);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    }
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(200);
    expect((await loaded()).length).toBe(1);
    expect(await queues()).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('P15 more cold models than the cache holds are all answered, and no more are kept', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `many-${index}`);
    for (const name of names) await upload(name, wellBehaved(name));
    const answers = await Promise.all(
      names.flatMap((name) => Array.from({ length: 5 }, () => ask(name, { x: [[1, 2]] }))),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const { body } = await server.as('viewer').get('/status');
    const resident = body.models.filter(({ state }: { state: string }) => state === 'ready');
    // Each of the two runners has a cache of its own.
    expect(resident.length).toBeLessThanOrEqual(2 * cacheSize);
  });

  it('P16 models that push each other out of the cache get right answers', async () => {
    const names = Array.from({ length: cacheSize * 2 }, (_, index) => `push-${index}`);
    for (const name of names) await upload(name, wellBehaved(name));
    const rounds = Array.from({ length: 20 }, (_, round) =>
      names.map((name, index) => ({ name, x: round * 10 + index })),
    );
    const answers = await Promise.all(
      rounds.flat().map(async ({ name, x }) => ({ x, answer: await ask(name, { x: [[x, 0]] }) })),
    );
    for (const { x, answer } of answers)
      expect([answer.status, answer.body.prediction?.y?.data]).toEqual([200, [x + 1, 1]]);
  });

  it('P17 a version that is deleted meanwhile get its answer or a 404, and then its successor', async () => {
    await upload('leaving', wellBehaved('leaving one'), 'v1');
    await upload('leaving', wellBehaved('leaving two'), 'v2');
    const asking = Array.from({ length: 200 }, () =>
      predictor.post('/predict', { modelName: 'leaving', modelVersion: 'v2', features: { x: [[1, 2]] } }),
    );
    expect((await server.as('admin').request('DELETE', '/model/leaving/v2')).status).toBe(204);
    for (const answer of await Promise.all(asking)) {
      const [status, code] = outcome(answer);
      if (status !== 200) expect([status, code]).toEqual([404, 'MODEL_NOT_FOUND']);
    }
    const gone = await predictor.post('/predict', { modelName: 'leaving', modelVersion: 'v2', features: {} });
    expect(outcome(gone)).toEqual([404, 'MODEL_NOT_FOUND']);
    expect((await ask('leaving', { x: [[1, 2]] })).body).toMatchObject({
      modelVersion: 'v1',
      prediction: { y: { data: [2, 3] } },
    });
  });

  it('P18 what is not there', async () => {
    expect(outcome(await ask('nobody', {}))).toEqual([404, 'MODEL_NOT_FOUND']);
    const version = await predictor.post('/predict', { ...valid, modelVersion: 'v9' });
    expect(outcome(version)).toEqual([404, 'MODEL_NOT_FOUND']);
    for (let turn = 0; turn < 3; turn++) expect(outcome(await ask('arriving', {}))).toEqual([404, 'MODEL_NOT_FOUND']);
    // Whoever remembers that it was not there must not go on saying so.
    await upload('arriving', addOnnx());
    expect((await ask('arriving', { a: [[1, 2]], b: [[1, 2]] })).status).toBe(200);
    const strict = await bootServer({ environment: { REQUIRE_PRODUCTION: 'true' } });
    try {
      const form = uploadForm({ modelName: 'idle', modelVersion: 'v1', framework: 'onnx' }, addOnnx());
      expect((await strict.as('trainer').post('/model/upload', form)).status).toBe(201);
      const answer = await strict.as('predictor').post('/predict', { modelName: 'idle', features: {} });
      expect(outcome(answer)).toEqual([409, 'NO_PRODUCTION']);
    } finally {
      await strict.stop();
    }
  });

  it('P19 a model that cannot be loaded wait for the next try, or for its reload', async () => {
    await upload('damaged', wellBehaved('damaged'));
    for (let other = 0; other <= cacheSize; other++) await upload(`pushes-${other}`, wellBehaved(`pushes ${other}`));
    const { digest } = (await server.as('viewer').get('/model/damaged/v1')).body;
    const folder = join(server.root, 'data', 'models', 'packages');
    const stored = join(folder, (await readdir(folder)).find((name) => name.startsWith(digest)) ?? '', 'stored');
    const whole = await readFile(stored);
    await writeFile(stored, Buffer.alloc(whole.length));
    const input = { x: [[1, 2]] };
    const answers = [await ask('damaged', input)];
    answers.push(...(await Promise.all(Array.from({ length: 300 }, () => ask('damaged', input)))));
    for (const answer of answers) {
      expect(outcome(answer)).toEqual([503, 'MODEL_UNAVAILABLE']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(answer.body.inferenceId).toBeDefined();
    }
    await writeFile(stored, whole);
    const reload = await server.as('trainer').request('POST', '/model/damaged/v1/reload');
    expect(outcome(reload)).toEqual([200, undefined]);
    expect((await ask('damaged', input)).body.prediction.y.data).toEqual([2, 3]);
  });

  it('P20 and hang up hold no place', async () => {
    const waiting = Array.from({ length: 300 }, async (_, index) => {
      const hangUp = new AbortController();
      setTimeout(() => hangUp.abort(), index % 20);
      await fetch(`${server.url}/predict`, {
        method: 'POST',
        headers: { ...json, authorization: predictor.authorization ?? '' },
        body: JSON.stringify({ modelName: 'all-minilm-l6-v2', features: { texts: [`text ${index}`] } }),
        signal: hangUp.signal,
      }).then(
        (reply) => reply.arrayBuffer(),
        () => undefined,
      );
    });
    await Promise.all(waiting);
    await expect.poll(queues, { timeout: 20_000 }).toMatchObject({ inFlight: 0, queued: 0 });
    expect((await ask('identity', [[1, 2, 3]])).status).toBe(200);
  });
});

describe('what is no HTTP', () => {
  const head = 'GET /health HTTP/1.1\r\nhost: x\r\n';
  const post = 'POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

  it.each<[string, string, number]>([
    ['64 kB of one header', `${head}x: ${'x'.repeat(65_536)}\r\n\r\n`, 431],
    ['100,000 headers', `${head}${'x:1\r\n'.repeat(100_000)}\r\n`, 431],
    ['two lengths', `${post}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400],
    [
      'length and chunks',
      `${post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n`,
      400,
    ],
    ['a chunk of no size', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`, 400],
    ['a NUL', `GET /hea\0lth HTTP/1.1\r\nhost: x\r\n\r\n`, 400],
  ])('P22 %s is refused and the connection closed', async (_what, bytes, status) => {
    const { statuses, closed, text } = await raw(server.url, [bytes], 2_000);
    expect([statuses[0], closed]).toEqual([status, true]);
    expect(statuses.length).toBe(1);
    expect(text).not.toMatch(/node:internal|node_modules/);
  });

  it('P22 garbage after a request spoils only what follows', async () => {
    const { statuses, closed } = await raw(server.url, [`${head}\r\n`, 100, '\0\x01garbage\r\n\r\n'], 2_000);
    expect([statuses, closed]).toEqual([[200, 400], true]);
    expect((await server.as(undefined).get('/health')).status).toBe(200);
  });
});
