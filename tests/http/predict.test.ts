import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootServer, type Client, type TestServer, uploadForm } from '../support/boot-server.ts';
import { addOnnx, identityOnnx } from '../support/tiny-onnx.ts';

let server: TestServer;
let predictor: Client;
beforeAll(async () => {
  server = await bootServer();
  predictor = server.as('predictor');
  await upload('identity', identityOnnx('float32', ['n', 3]));
  await upload('wide', identityOnnx('int64', ['n', 2]));
  await upload('words', identityOnnx('string', ['n']));
  await upload('classes', identityOnnx('float32', ['n', 3]), {
    taskType: 'classification',
    labels: ['cat', 'dog', 'fox'],
  });
  await upload('number', identityOnnx('float32', ['n', 1]), { taskType: 'regression', tolerance: 0.5 });
});
afterAll(() => server?.stop());

async function upload(modelName: string, bytes: Uint8Array, metadata: object = {}, modelVersion = 'v1') {
  const form = uploadForm({ modelName, modelVersion, framework: 'onnx', metadata: JSON.stringify(metadata) }, bytes);
  const { status, body } = await server.as('trainer').post('/model/upload', form);
  expect([status, body.detail]).toEqual([201, undefined]);
  return body;
}

const inputOf = async (modelName: string): Promise<string> =>
  (await server.as('viewer').get(`/model/${modelName}/v1`)).body.inputSchema.inputs[0].name;

const ndjson = (bytes: Buffer) =>
  bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a prediction', () => {
  it('without a task is the outputs by name', async () => {
    const x = await inputOf('identity');
    const { status, body, headers } = await predictor.post('/predict', {
      modelName: 'identity',
      features: {
        [x]: [
          [1, 2, 3],
          [4, 5, 6.5],
        ],
      },
      requestId: 'my-request',
      options: { timing: true },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      confidence: null,
      modelName: 'identity',
      modelVersion: 'v1',
      stage: 'candidate',
      requestId: 'my-request',
    });
    expect(Object.values(body.prediction)).toEqual([{ dtype: 'float32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6.5] }]);
    expect(headers.get('x-inference-id')).toBe(body.inferenceId);
    expect(headers.get('x-request-id')).toBe('my-request');
    const { queueMs, tokenizeMs, runMs, postMs } = body.timing;
    expect(queueMs + tokenizeMs + runMs + postMs).toBeCloseTo(body.latencyMs, 6);
    expect(body.timing.recordMs).toBeGreaterThan(0);
  });

  it('keeps 64-bit integers and strings exact', async () => {
    const x = await inputOf('wide');
    const wide = await predictor.post('/predict', {
      modelName: 'wide',
      features: { [x]: { dtype: 'int64', shape: [1, 2], data: ['9007199254740993', -2] } },
    });
    expect(Object.values(wide.body.prediction)).toEqual([
      { dtype: 'int64', shape: [1, 2], data: ['9007199254740993', -2] },
    ]);
    const words = await predictor.post('/predict', { modelName: 'words', features: ['a', 'ü', ''] });
    expect(Object.values(words.body.prediction)).toEqual([{ dtype: 'string', shape: [3], data: ['a', 'ü', ''] }]);
  });

  it('takes aliases and echoes them', async () => {
    const { body } = await predictor.post('/predict', {
      modelId: 'identity',
      version: 'v1',
      inputs: [[1, 2, 3]],
      userId: 'u',
    });
    expect(body).toMatchObject({ modelId: 'identity', modelName: 'identity', version: 'v1', modelVersion: 'v1' });
  });

  it('of a class names it, with softmax over logits', async () => {
    const { body } = await predictor.post('/predict', {
      modelName: 'classes',
      features: [[0, 2, 1]],
      options: { raw: true },
    });
    const sum = 1 + Math.exp(2) + Math.exp(1);
    expect(body.prediction).toMatchObject({ label: 'dog', index: 1 });
    expect(body.prediction.probabilities.dog).toBeCloseTo(Math.exp(2) / sum, 6);
    expect(body.confidence).toBe(body.prediction.probabilities.dog);
    expect(Object.values(body.outputs)).toEqual([{ dtype: 'float32', shape: [1, 3], data: [0, 2, 1] }]);
    const many = await predictor.post('/predict', {
      modelName: 'classes',
      features: [
        [0, 2, 1],
        [0.7, 0.2, 0.1],
      ],
    });
    expect(many.body.prediction.map(({ label }: { label: string }) => label)).toEqual(['dog', 'cat']);
    expect(many.body.confidence).toBeNull();
  });

  it('of a number has its value', async () => {
    const { body } = await predictor.post('/predict', { modelName: 'number', features: [[2.5]] });
    expect(body).toMatchObject({ prediction: { value: 2.5 }, confidence: null });
  });

  it('without a version comes from the newest, or from production', async () => {
    await upload('routed', identityOnnx('float32', ['n', 3]));
    await upload('routed', addOnnx(), {}, 'v2').catch(() => undefined);
    const ask = async () => (await predictor.post('/predict', { modelName: 'routed', features: {} })).body;
    const events = async () =>
      (await server.as('trainer').get('/monitoring/events?modelName=routed&limit=1')).body.events[0];
    await ask();
    expect((await events()).modelVersion).toBe('v2');
    const form = uploadForm(
      { modelName: 'routed', modelVersion: 'v3', framework: 'onnx', stage: 'production' },
      identityOnnx('float32', ['n', 3]),
    );
    expect((await server.as('admin').post('/model/upload', form)).status).toBe(201);
    await upload('routed', addOnnx(), {}, 'v4');
    const { body } = await predictor.post('/predict', { modelName: 'routed', features: [[1, 2, 3]] });
    expect(body).toMatchObject({ modelVersion: 'v3', stage: 'production' });
  });
});

describe('a wrong question', () => {
  const ask = async (body: unknown, headers?: Record<string, string>) => {
    const answer = await predictor.post('/predict', body, headers);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status: answer.status, requestId: answer.headers.get('x-request-id') });
    return answer;
  };

  it.each([
    ['a wrong name', { nothing: [[1, 2, 3]] }, 'INPUT_NAME'],
    ['a wrong size', [[1, 2]], 'INPUT_SHAPE'],
    ['a wrong type', [['a', 'b', 'c']], 'INPUT_DTYPE'],
    ['a NaN outside a typed object', [['NaN', 1, 2]], 'INPUT_DTYPE'],
  ])('with %s says where', async (_what, features, code) => {
    const { status, body } = await ask({ modelName: 'identity', features });
    expect(status).toBe(400);
    expect(['INPUT_NAME', 'INPUT_SHAPE', 'INPUT_DTYPE', 'INPUT_NOT_FINITE']).toContain(body.code);
    if (code !== 'INPUT_DTYPE') expect(body.code).toBe(code);
    expect(body.errors[0].path).toMatch(/^features/);
    expect(body.inferenceId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('with a number beyond all doubles is not finite', async () => {
    const { status, body } = await ask('{"modelName":"identity","features":[[1e999,1,2]]}', {
      'content-type': 'application/json',
    });
    expect([status, body.code]).toEqual([400, 'INPUT_NOT_FINITE']);
  });

  it('to no model is 404, and recorded', async () => {
    const { status, body, headers } = await ask({ modelName: 'nobody', features: {} });
    expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    expect(headers.get('x-inference-id')).toBe(body.inferenceId);
    const event = await server.as('trainer').get(`/InferenceEvent/${body.inferenceId}`);
    expect(event.body).toMatchObject({ modelName: 'nobody', errorCode: 'MODEL_NOT_FOUND', prediction: null });
    expect((await ask({ modelName: 'identity', modelVersion: 'v9', features: {} })).status).toBe(404);
  });

  it('lists every violation, and is recorded when it names a model', async () => {
    const { status, body } = await ask({ modelName: 'identity', features: {}, options: { raw: 'yes' }, surprise: 1 });
    expect([status, body.code]).toEqual([400, 'INVALID_INPUT']);
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual(['options.raw', 'surprise']);
    expect(body.inferenceId).toBeDefined();
    expect((await ask({ modelName: '../etc', features: {} })).body).toMatchObject({ code: 'ID_INVALID' });
  });

  it.each([
    ['malformed JSON', '{"modelName":', 'application/json', 400, 'INVALID_JSON'],
    ['an empty body', '', 'application/json', 400, 'INVALID_JSON'],
    ['no JSON', 'a=1', 'application/x-www-form-urlencoded', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['another charset', '{}', 'application/json; charset=latin1', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['null', 'null', 'application/json', 400, 'INVALID_INPUT'],
    ['deep nesting', '['.repeat(5000) + ']'.repeat(5000), 'application/json', 400, 'INVALID_JSON'],
  ])('of %s is told apart', async (_what, text, type, status, code) => {
    const answer = await ask(text, { 'content-type': type });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('at a wrong path or with a wrong verb is a problem document too', async () => {
    expect((await predictor.get('/no/such/path')).body.code).toBe('NOT_FOUND');
    const verb = await predictor.get('/predict');
    expect([verb.status, verb.body.code, verb.headers.get('allow')]).toEqual([405, 'METHOD_NOT_ALLOWED', 'POST']);
    expect((await predictor.get('/model/%ZZ/v1')).status).toBe(400);
    expect(
      (await predictor.post('/predict', { modelName: 'identity', features: {} }, { accept: 'image/png' })).status,
    ).toBe(406);
  });
});

describe('feedback', () => {
  const ask = async (features: unknown, modelName = 'classes', who = predictor) =>
    (await who.post('/predict', { modelName, features, requestId: `r-${Math.random()}` })).body;

  it.each([
    [{ class: 1 }, true],
    [{ class: 'dog' }, true],
    [{ label: 'cat' }, false],
    ['dog', true],
    [{ class: 0 }, false],
  ])('%j on a predicted dog is judged %s', async (outcome, correct) => {
    const { inferenceId } = await ask([[0, 2, 1]]);
    const { status, body } = await predictor.post('/feedback', { inferenceId, outcome });
    expect([status, body]).toEqual([200, { success: true, inferenceId, correct, correctSource: 'computed' }]);
  });

  it("takes the caller's word over its own", async () => {
    const { inferenceId } = await ask([[0, 2, 1]]);
    const { body } = await predictor.post('/feedback', { inferenceId, outcome: { label: 'cat' }, correct: true });
    expect(body).toMatchObject({ correct: true, correctSource: 'caller' });
  });

  it('judges numbers by tolerance, and other tasks not at all', async () => {
    const number = await ask([[2]], 'number');
    expect(
      (await predictor.post('/feedback', { inferenceId: number.inferenceId, outcome: { value: 2.4 } })).body.correct,
    ).toBe(true);
    const other = await ask([[1, 2, 3]], 'identity');
    expect(
      (await predictor.post('/feedback', { inferenceId: other.inferenceId, outcome: { any: 1 } })).body,
    ).toMatchObject({ correct: null, correctSource: null });
  });

  it('counts once, and a contradiction is a conflict', async () => {
    const { inferenceId, requestId } = await ask([[0, 2, 1]]);
    const give = (body: object, who = predictor) => who.post('/feedback', { inferenceId, ...body });
    expect((await give({ outcome: { class: 1 } })).status).toBe(200);
    expect((await give({ outcome: { class: 1 } })).status).toBe(200);
    expect((await predictor.post('/feedback', { requestId, outcome: { class: 1 } })).body.inferenceId).toBe(
      inferenceId,
    );
    expect((await give({ outcome: { class: 2 } })).body.code).toBe('FEEDBACK_CONFLICT');
    expect((await give({ outcome: { class: 2 }, supersedes: true })).body.code).toBe('FORBIDDEN');
    expect((await give({ outcome: { class: 2 }, supersedes: true }, server.as('trainer'))).body).toMatchObject({
      success: true,
      correct: false,
    });
  });

  it('merges into the event, and never erases it', async () => {
    const { inferenceId } = await ask([[0, 2, 1]]);
    const fields = { actualOutcome: '{"label":"dog"}', feedbackTimestamp: 1_234_567_890, correct: true };
    expect((await predictor.request('PUT', `/InferenceEvent/${inferenceId}`, fields)).status).toBe(200);
    const { body } = await predictor.get(`/InferenceEvent/${inferenceId}`);
    expect(body).toMatchObject({
      modelName: 'classes',
      feedbackTimestamp: 1_234_567_890,
      correct: true,
      actualOutcome: '{"label":"dog"}',
    });
    expect(JSON.parse(body.prediction).label).toBe('dog');
    expect(
      (await predictor.request('PUT', `/InferenceEvent/${inferenceId}`, { modelName: 'x', correct: true })).status,
    ).toBe(400);
    expect((await predictor.request('PATCH', `/InferenceEvent/${inferenceId}`, { correct: true })).status).toBe(200);
  });

  it('on what is not there, or is of another, is 404', async () => {
    expect((await predictor.post('/feedback', { inferenceId: 'nothing', outcome: 1 })).body.code).toBe(
      'EVENT_NOT_FOUND',
    );
    const other = await server.user('other-predictor', 'predictor');
    const { inferenceId } = await ask([[0, 2, 1]]);
    expect((await other.post('/feedback', { inferenceId, outcome: { class: 1 } })).status).toBe(404);
    expect((await other.get(`/InferenceEvent/${inferenceId}`)).status).toBe(404);
    expect((await other.get('/monitoring/events')).body.events).toEqual([]);
    expect((await other.get('/InferenceEvent/')).body).toEqual([]);
  });

  it('comes in many', async () => {
    const { inferenceId } = await ask([[0, 2, 1]]);
    const { status, body } = await predictor.post('/feedback', {
      items: [
        { inferenceId, outcome: { class: 1 } },
        { inferenceId: 'nothing', outcome: 1 },
      ],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: false, accepted: 1, failed: 1 });
    expect(body.results[1]).toMatchObject({ index: 1, success: false, code: 'EVENT_NOT_FOUND' });
  });

  it('comes line by line, and a bad line fails alone', async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await ask([[0, 2, 1]])).inferenceId);
    const lines = [
      JSON.stringify({ inferenceId: ids[0], outcome: { class: 1 } }),
      '{"inferenceId":',
      '',
      JSON.stringify({ inferenceId: ids[1], actualOutcome: 'cat' }),
      JSON.stringify({ inferenceId: ids[2] }),
      JSON.stringify({ inferenceId: ids[2], outcome: 1, surprise: 2 }),
    ].join('\n');
    const { status, headers, body } = await predictor.post('/feedback', lines, {
      'content-type': 'application/x-ndjson',
    });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const answers = ndjson(body);
    expect(answers).toEqual([
      { index: 0, success: true, inferenceId: ids[0], correct: true, correctSource: 'computed' },
      { index: 1, success: false, code: 'INVALID_JSON', detail: expect.any(String) },
      { index: 2, success: true, inferenceId: ids[1], correct: false, correctSource: 'computed' },
      { index: 3, success: false, code: 'INVALID_INPUT', detail: expect.any(String) },
      { index: 4, success: false, code: 'INVALID_INPUT', detail: expect.stringContaining('surprise') },
      { done: true, accepted: 2, failed: 3 },
    ]);
  });

  it('comes row by row as CSV', async () => {
    const [a, b] = [await ask([[0, 2, 1]]), await ask([[3, 0, 1]])];
    const { status, headers, body } = await predictor.request(
      'POST',
      '/feedback',
      Buffer.from(
        `\ufeffinferenceId,outcome,correct\r\n${a.inferenceId},dog,\r\nnone,=1+1,\r\n${b.inferenceId},"{""class"":2}",\r\n`,
      ),
      { 'content-type': 'text/csv' },
    );
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    expect(ndjson(body)).toEqual([
      { index: 0, success: true, inferenceId: a.inferenceId, correct: true, correctSource: 'computed' },
      { index: 1, success: false, code: 'EVENT_NOT_FOUND', detail: expect.any(String) },
      { index: 2, success: true, inferenceId: b.inferenceId, correct: false, correctSource: 'computed' },
      { done: true, accepted: 2, failed: 1 },
    ]);
  });

  it('of which 100 at once differ lets one win', async () => {
    const { inferenceId } = await ask([[0, 2, 1]]);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => predictor.post('/feedback', { inferenceId, outcome: { note: index } })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(99);
  });
});

describe('events and metrics', () => {
  it('tell what happened', async () => {
    await upload('watched', identityOnnx('float32', ['n', 3]), { taskType: 'classification' });
    const begin = Date.now();
    const answers = [];
    for (let i = 0; i < 5; i++) {
      answers.push(
        (
          await predictor.post('/predict', {
            modelName: 'watched',
            features: [[i, 0, 0]],
            userId: `user-${i % 2}`,
            sessionId: 's',
          })
        ).body,
      );
    }
    await predictor.post('/predict', { modelName: 'watched', features: { wrong: 1 } });
    await predictor.post('/feedback', { inferenceId: answers[0].inferenceId, outcome: { class: 0 } });
    await predictor.post('/feedback', { inferenceId: answers[1].inferenceId, outcome: { class: 2 } });

    const trainer = server.as('trainer');
    const first = (await trainer.get('/monitoring/events?modelName=watched&limit=4')).body;
    expect(first.events).toHaveLength(4);
    const rest = (await trainer.get(`/monitoring/events?modelName=watched&limit=4&cursor=${first.nextCursor}`)).body;
    const all = [...first.events, ...rest.events];
    expect(new Set(all.map(({ id }) => id)).size).toBe(6);
    expect(all.map(({ timestamp }) => timestamp)).toEqual(all.map(({ timestamp }) => timestamp).sort((a, b) => b - a));
    expect(all.at(-1)).toMatchObject({
      featuresIn: [[0, 0, 0]],
      prediction: { label: '0' },
      userId: 'user-0',
      actualOutcome: { class: 0 },
      correct: true,
    });
    const count = async (query: string) =>
      (await trainer.get(`/monitoring/events?modelName=watched&${query}`)).body.events.length;
    expect(await count('userId=user-1')).toBe(2);
    expect(await count('hasFeedback=true')).toBe(2);
    expect(await count('errorCode=INPUT_NAME')).toBe(1);
    expect(await count(`startTime=${begin}&endTime=${Date.now() + 1}`)).toBe(6);
    expect(await count(`from=${new Date(begin).toISOString()}`)).toBe(6);
    expect(await count(`to=${begin - 1000}`)).toBe(0);

    const { body } = await server.as('viewer').get('/monitoring/metrics?modelName=watched&timeRange=1h');
    expect(body).toMatchObject({
      count: 6,
      errorCount: 1,
      errors: { INPUT_NAME: 1 },
      labelled: 2,
      correct: 1,
      accuracy: 0.5,
    });
    expect(body.errorRate).toBeCloseTo(1 / 6);
    expect(body.p50Latency).toBeGreaterThan(0);
    expect(body.avgConfidence).toBeGreaterThan(0);
    const empty = await server.as('viewer').get('/monitoring/metrics?modelName=watched&from=1&to=2');
    expect(empty.body).toMatchObject({ count: 0, avgLatency: null, accuracy: null, errorRate: null });
  });

  it('refuse what they cannot answer', async () => {
    const trainer = server.as('trainer');
    const code = async (path: string) => (await trainer.get(path)).body.code;
    expect(await code('/monitoring/events?limit=1000000000')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/events?startTime=abc')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/events?from=5&to=1')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/events?timeRange=1h&from=5')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/events?cursor=xyz')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/events?bogus=1')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/events?limit=1&limit=2')).toBe('INVALID_INPUT');
    expect(await code('/monitoring/metrics?modelName=unknown')).toBe('MODEL_NOT_FOUND');
    expect(await code('/monitoring/metrics')).toBe('INVALID_INPUT');
  });

  it('take predictions made elsewhere', async () => {
    await upload('elsewhere', identityOnnx('float32', ['n', 3]), {
      taskType: 'classification',
      labels: ['a', 'b', 'c'],
    });
    const timestamp = Date.now() - 86_400_000 * 30;
    const event = {
      modelName: 'elsewhere',
      modelVersion: 'v1',
      features: [[1, 2, 3]],
      prediction: { label: 'a', index: 0 },
      timestamp,
      latencyMs: 3,
      outcome: 'a',
    };
    const { status, body } = await server.as('trainer').post('/monitoring/events', event);
    expect(status).toBe(201);
    const [found] = (await server.as('trainer').get('/monitoring/events?modelName=elsewhere')).body.events;
    expect(found).toMatchObject({ id: body.inferenceId, timestamp, correct: true, correctSource: 'computed' });
    expect(
      (await server.as('trainer').post('/monitoring/events', { ...event, timestamp: Date.now() + 2 * 86_400_000 }))
        .status,
    ).toBe(400);
    expect((await server.as('trainer').post('/monitoring/events', { ...event, modelVersion: 'v7' })).status).toBe(404);

    const lines = Array.from({ length: 500 }, (_, index) =>
      JSON.stringify({ ...event, timestamp: timestamp + index, userId: 'bulk' }),
    );
    lines[7] = JSON.stringify({ ...event, modelName: 'nobody' });
    const many = await server
      .as('trainer')
      .post('/monitoring/events', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
    const answers = ndjson(many.body);
    expect(answers[7]).toMatchObject({ index: 7, success: false, code: 'MODEL_NOT_FOUND' });
    expect(answers.at(-1)).toEqual({ done: true, accepted: 499, failed: 1 });
    const [last] = (await server.as('trainer').get('/monitoring/events?userId=bulk&limit=1')).body.events;
    expect(last.id).toBe(answers[499].inferenceId);
  });
});

describe('a batch', () => {
  it('answers in order, shares runs, and leaves an event for each item', async () => {
    const x = await inputOf('classes');
    const rows = Array.from({ length: 256 }, (_, index) => [index, 0, -index]);
    const items = rows.map((row, index) => ({
      features: { [x]: [index === 7 ? ['x', 0, 0] : row] },
      requestId: `b${index}`,
    }));
    const { status, body } = await predictor.post('/predict/batch', {
      modelName: 'classes',
      items,
      options: { timing: true },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ modelName: 'classes', modelVersion: 'v1' });
    expect(body.latencyMs).toBeGreaterThan(0);
    expect(body.items[7]).toMatchObject({ code: 'INPUT_DTYPE', inferenceId: expect.any(String) });
    const good = body.items.filter(({ code }: { code?: string }) => code === undefined);
    expect(good).toHaveLength(255);
    for (const [index, { prediction, requestId }] of body.items.entries()) {
      if (index === 7) continue;
      const [a, b, c] = rows[index]?.map((score) => Math.exp(score - index)) as [number, number, number];
      expect(prediction.probabilities.cat).toBeCloseTo(a / (a + b + c), 5);
      expect(requestId).toBe(`b${index}`);
    }
    // Requests of one run report the same time of it, to the last digit.
    const runs = new Set(good.map(({ timing }: { timing: { runMs: number } }) => timing.runMs));
    expect(runs.size).toBeLessThan(200);
    const { body: page } = await predictor.get('/monitoring/events?modelName=classes&limit=1000');
    const recorded = new Set(page.events.map(({ id }: { id: string }) => id));
    for (const { inferenceId } of body.items) expect(recorded).toContain(inferenceId);
  });
});
