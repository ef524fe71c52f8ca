import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootServer, type TestServer, uploadForm } from '../support/boot-server.ts';
import { addOnnx, identityOnnx } from '../support/tiny-onnx.ts';

let server: TestServer;
beforeAll(async () => {
  server = await bootServer();
});
afterAll(() => server?.stop());

const bytes = identityOnnx('float32', ['n', 3]);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
const base64 = (data: Uint8Array) => Buffer.from(data).toString('base64');
const problemType = 'application/problem+json';

describe('a model comes in', () => {
  it('as a form, with its schema read from the file', async () => {
    const form = uploadForm({ modelName: 'form', modelVersion: 'v1', framework: 'onnx', stage: 'development' }, bytes);
    const { status, body } = await server.as('trainer').post('/model/upload', form);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      modelName: 'form',
      modelVersion: 'v1',
      digest: sha256(bytes),
      stage: 'candidate',
      framework: 'onnx',
    });
    expect(body.inputSchema.inputs).toEqual([expect.objectContaining({ dtype: 'float32', shape: [-1, 3] })]);
    expect(body.outputSchema.outputs).toHaveLength(1);
    expect(body.uploadedAt).toBeGreaterThan(1e12);
  });

  it('as a form whose file comes before its fields, under the aliases', async () => {
    const form = new FormData();
    form.set('file', new Blob([bytes as BlobPart]), 'a.onnx');
    for (const [name, value] of Object.entries({ modelId: 'aliased', version: 'v1', framework: 'onnx' }))
      form.set(name, value);
    const { status, body } = await server.as('trainer').post('/Model/upload', form);
    expect(status).toBe(201);
    expect(body).toMatchObject({ modelName: 'aliased', modelId: 'aliased', modelVersion: 'v1', version: 'v1' });
  });

  it.each(['/Model', '/Model/', '/model', '/models'])('as JSON at %s, unknown fields ignored', async (path) => {
    const modelName = `json${path.replaceAll('/', '-')}`;
    const { status, body } = await server.as('trainer').post(path, {
      modelName,
      modelVersion: 'v1',
      framework: 'onnx',
      stage: 'development',
      modelBlob: base64(bytes),
      inputSchema: '{"inputs":[{"name":"x","shape":[1,3]}]}',
      somethingElse: 1,
    });
    expect([status, body.code]).toEqual([201, undefined]);
    expect(body.digest).toBe(sha256(bytes));
    expect(body.inputSchema.inputs[0].shape).toEqual([-1, 3]);
  });

  it('as raw bytes, with the framework in the query or in a header', async () => {
    const trainer = server.as('trainer');
    const put = (version: string, query: string, headers: Record<string, string>) =>
      trainer.request('PUT', `/model/raw/${version}/blob${query}`, bytes, {
        'content-type': 'application/octet-stream',
        ...headers,
      });
    expect((await put('v1', '?framework=onnx', {})).status).toBe(201);
    expect((await put('v2', '', { 'x-model-framework': 'onnx', 'x-content-sha256': sha256(bytes) })).status).toBe(201);
    expect((await put('v1', '', {})).status).toBe(200);
  });

  it('once: the same bytes are welcome, others are not', async () => {
    const trainer = server.as('trainer');
    const upload = (data: Uint8Array) =>
      trainer.post('/model/upload', uploadForm({ modelName: 'once', modelVersion: 'v1', framework: 'onnx' }, data));
    expect((await upload(bytes)).status).toBe(201);
    expect((await upload(bytes)).status).toBe(200);
    const other = await upload(addOnnx());
    expect([other.status, other.body.code]).toEqual([409, 'VERSION_IMMUTABLE']);
  });

  it('or is refused and leaves nothing', async () => {
    const trainer = server.as('trainer');
    const refused = async (data: Uint8Array, fields: Record<string, string> = {}) => {
      const form = uploadForm({ modelName: 'refused', modelVersion: 'v1', framework: 'onnx', ...fields }, data);
      const { status, body, headers } = await trainer.post('/model/upload', form);
      expect(headers.get('content-type')).toBe(problemType);
      return [status, body.code];
    };
    expect(await refused(Buffer.from('<html>no model</html>'))).toEqual([422, 'MODEL_MALFORMED']);
    expect(await refused(bytes.subarray(0, bytes.length - 7))).toEqual([422, 'MODEL_MALFORMED']);
    expect(await refused(Buffer.from([0x80, 4, 0x95, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0x8c, 0x2e]))).toEqual([
      415,
      'FORMAT_NOT_LOADABLE',
    ]);
    expect(await refused(bytes, { framework: 'tensorflow' })).toEqual([422, 'MODEL_FORMAT']);
    expect(await refused(bytes, { modelName: '../x' })).toEqual([400, 'ID_INVALID']);
    expect(await refused(bytes, { framework: 'abacus' })).toEqual([400, 'INVALID_INPUT']);
    expect(await refused(bytes, { stage: 'production' })).toEqual([403, 'FORBIDDEN']);
    expect(await refused(bytes, { metadata: '{' })).toEqual([400, 'INVALID_INPUT']);
    expect((await trainer.get('/model/refused/versions')).status).toBe(404);
    const wrongDigest = await trainer.request('PUT', '/model/refused/v1/blob?framework=onnx', bytes, {
      'x-content-sha256': sha256(Buffer.from('else')),
    });
    expect([wrongDigest.status, wrongDigest.body.code]).toEqual([422, 'DIGEST_MISMATCH']);
    const notBase64 = await trainer.post('/Model', {
      modelName: 'refused',
      modelVersion: 'v1',
      framework: 'onnx',
      modelBlob: '*',
    });
    expect([notBase64.status, notBase64.body.code]).toEqual([400, 'INVALID_INPUT']);
    expect((await trainer.get('/model/refused/v1')).status).toBe(404);
  });

  it('straight into production by an admin, and then there is one production version', async () => {
    const admin = server.as('admin');
    for (const [modelVersion, data] of [
      ['v1', bytes],
      ['v2', addOnnx()],
    ] as const) {
      const { status } = await admin.post(
        '/model/upload',
        uploadForm({ modelName: 'prod', modelVersion, framework: 'onnx', stage: 'production' }, data),
      );
      expect(status).toBe(201);
    }
    const { body } = await admin.get('/model/prod/versions');
    expect(body.map(({ modelVersion, stage }: Record<string, string>) => [modelVersion, stage])).toEqual([
      ['v2', 'production'],
      ['v1', 'archived'],
    ]);
    expect((await admin.request('DELETE', '/model/prod/v2')).status).toBe(409);
  });
});

describe('a model is found', () => {
  beforeAll(async () => {
    const trainer = server.as('trainer');
    for (const modelVersion of ['v1', 'v2']) {
      const metadata = JSON.stringify({ taskType: 'regression', description: modelVersion });
      const { status } = await trainer.post(
        '/model/upload',
        uploadForm({ modelName: 'found', modelVersion, framework: 'onnx', metadata }, bytes),
      );
      expect(status).toBe(201);
    }
  });

  it('by name and version, in every spelling of the path', async () => {
    for (const path of ['/model/found/v1', '/models/found/v1', '/Model/found/v1']) {
      const { status, body } = await server.as('viewer').get(path);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        id: 'found:v1',
        metadata: { taskType: 'regression' },
        blobSize: bytes.length,
        deploymentVersion: 1,
        uploadedBy: 'test-trainer',
      });
      expect(body).not.toHaveProperty('modelBlob');
    }
  });

  it('by its versions, newest first', async () => {
    for (const path of ['/model/found/versions', '/model/versions?modelId=found', '/model/versions?modelName=found']) {
      const { body } = await server.as('viewer').get(path);
      expect(body.map((row: { modelVersion: string }) => row.modelVersion)).toEqual(['v2', 'v1']);
    }
  });

  it('in lists, by page', async () => {
    const viewer = server.as('viewer');
    const first = await viewer.get('/model?taskType=regression&stage=development&limit=1');
    expect(first.body.models.map((row: { id: string }) => row.id)).toEqual(['found:v1']);
    const second = await viewer.get(`/model?taskType=regression&limit=1&cursor=${first.body.nextCursor}`);
    expect(second.body.models.map((row: { id: string }) => row.id)).toEqual(['found:v2']);
    expect(second.body).not.toHaveProperty('nextCursor');
    expect((await viewer.get('/model?limit=1001')).body.code).toBe('INVALID_INPUT');
  });

  it('with its bytes, whole and in part', async () => {
    const trainer = server.as('trainer');
    const whole = await trainer.get('/model/found/v1/blob');
    expect(sha256(whole.body)).toBe(sha256(bytes));
    expect(whole.headers.get('x-content-sha256')).toBe(sha256(bytes));
    expect(whole.headers.get('etag')).toBe(`"${sha256(bytes)}"`);
    const part = await trainer.get('/model/found/v1/blob', { range: 'bytes=2-5' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 2-5/${bytes.length}`]);
    expect([...part.body]).toEqual([...bytes.subarray(2, 6)]);
    const end = await trainer.get('/model/found/v1/blob', { range: 'bytes=-4' });
    expect([...end.body]).toEqual([...bytes.subarray(-4)]);
    expect((await trainer.get('/model/found/v1/blob', { range: `bytes=${bytes.length}-` })).status).toBe(416);
  });

  it('in the table, where fields that hold JSON are text', async () => {
    const viewer = server.as('viewer');
    const one = await viewer.get('/Model/found:v1');
    expect(JSON.parse(one.body.metadata)).toEqual({ taskType: 'regression', description: 'v1' });
    const many = await viewer.get('/Model/?modelName=found&select(id,stage)&limit(5)');
    expect(many.body).toEqual([
      { id: 'found:v1', stage: 'candidate' },
      { id: 'found:v2', stage: 'candidate' },
    ]);
    expect((await viewer.get('/Model/found:v1.modelBlob')).status).toBe(403);
    expect((await viewer.get('/Model/nothing:v1')).body.code).toBe('MODEL_NOT_FOUND');
  });
});

describe('a model changes', () => {
  it('its metadata by merging, never its bytes', async () => {
    const trainer = server.as('trainer');
    await trainer.post(
      '/model/upload',
      uploadForm(
        { modelName: 'patched', modelVersion: 'v1', framework: 'onnx', metadata: '{"tags":["a"],"description":"x"}' },
        bytes,
      ),
    );
    const { status, body } = await trainer.request('PATCH', '/model/patched/v1', {
      metadata: { description: null, license: 'MIT' },
      status: 'deprecated',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'deprecated', digest: sha256(bytes) });
    expect(body.metadata).toEqual({ tags: ['a'], license: 'MIT' });
    expect((await trainer.request('PATCH', '/model/patched/v1', { digest: 'x' })).body.code).toBe('INVALID_INPUT');
  });

  it('nothing by being loaded anew', async () => {
    const { status, body } = await server.as('trainer').post('/model/patched/v1/reload');
    expect([status, body]).toEqual([
      200,
      { modelName: 'patched', modelVersion: 'v1', digest: sha256(bytes), loadMs: expect.any(Number) },
    ]);
    expect((await server.as('trainer').post('/model/nobody/v1/reload')).body.code).toBe('MODEL_NOT_FOUND');
  });

  it('by being deleted, and its name stays taken', async () => {
    const trainer = server.as('trainer');
    const upload = (data: Uint8Array) =>
      trainer.post('/model/upload', uploadForm({ modelName: 'gone', modelVersion: 'v1', framework: 'onnx' }, data));
    await upload(bytes);
    const other = await (await server.user('other-trainer', 'trainer')).request('DELETE', '/model/gone/v1');
    expect([other.status, other.body.code]).toEqual([403, 'FORBIDDEN']);
    expect((await trainer.request('DELETE', '/model/gone/v1')).status).toBe(204);
    expect((await trainer.request('DELETE', '/model/gone/v1')).status).toBe(404);
    expect((await trainer.get('/model/gone/v1')).body.code).toBe('MODEL_NOT_FOUND');
    expect((await upload(addOnnx())).body.code).toBe('VERSION_IMMUTABLE');
    expect((await upload(bytes)).status).toBe(201);
  });
});

describe('a check', () => {
  it('repairs a byte that was flipped on the disk, under a model that answers', async () => {
    const bytes = addOnnx();
    const form = uploadForm({ modelName: 'checked', modelVersion: 'v1', framework: 'onnx' }, bytes);
    const { body: row } = await server.as('trainer').post('/model/upload', form);
    const ask = () =>
      server.as('predictor').post('/predict', { modelName: 'checked', features: { a: [[1, 2]], b: [[3, 4]] } });
    expect((await ask()).body.prediction.sum.data).toEqual([4, 6]);
    const packages = join(server.root, 'data', 'models', 'packages');
    const [folder] = readdirSync(packages).filter((name) => name.startsWith(row.digest));
    const file = join(packages, folder as string, 'files', 'model.onnx');
    const flipped = readFileSync(file);
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 1;
    writeFileSync(file, flipped);
    const check = (level: string) => server.as('trainer').post('/model/checked/v1/check', { level });
    // Loaded anew from the damaged copy it is refused; its caller still gets an answer from memory until then.
    const { status, body } = await check('functional');
    expect([status, body]).toEqual([200, { level: 'functional', passed: true, problems: [] }]);
    expect(Buffer.from(bytes).equals(readFileSync(file))).toBe(true);
    expect((await ask()).body.prediction.sum.data).toEqual([4, 6]);
    expect((await server.as('viewer').get('/model/checked/v1')).body.status).toBe('active');
    expect((await server.as('predictor').post('/model/checked/v1/check', { level: 'basic' })).status).toBe(403);
  });
});
