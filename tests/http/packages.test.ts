import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../registry/package/zip.ts';
import { type Answer, bootServer, type TestServer, uploadForm } from '../support/boot-server.ts';
import { signedGraph, type TinyFiles } from '../support/tiny-tensorflow.ts';
import { tinyTextOnnx, tinyTokenizer } from '../support/tiny-text-model.ts';

let server: TestServer;
beforeAll(async () => {
  server = await bootServer();
});
afterAll(() => server?.stop());

const pack = (files: TinyFiles, folder = ''): Buffer =>
  zip(Object.entries(files).map(([name, content]) => ({ name: `${folder}${name}`, data: Buffer.from(content) })));

/** The graph of y = x × [[1, 2], [3, 4]] with its weights in two shards. */
function inShards(): TinyFiles {
  const { 'model.json': json, 'weights.bin': weights } = signedGraph() as Record<string, string>;
  const model = JSON.parse(json as string);
  model.weightsManifest[0].paths = ['group1-shard1of2.bin', 'group1-shard2of2.bin'];
  const bytes = Buffer.from(weights as string);
  return {
    'model.json': JSON.stringify(model),
    'group1-shard1of2.bin': bytes.subarray(0, 8),
    'group1-shard2of2.bin': bytes.subarray(8),
  };
}

const encoder: TinyFiles = {
  'model.onnx': tinyTextOnnx(),
  'tokenizer.json': tinyTokenizer(),
  'config.json': '{"max_position_embeddings":8}',
};
const metadata = JSON.stringify({ taskType: 'text-embedding', ml_config: { normalization: false } });

const ways: Readonly<
  Record<string, (modelName: string, framework: string, bytes: Buffer, metadata: string) => Promise<Answer>>
> = {
  form: (modelName, framework, bytes, metadata) =>
    server
      .as('trainer')
      .post('/model/upload', uploadForm({ modelName, modelVersion: 'v1', framework, metadata }, bytes)),
  json: (modelName, framework, bytes, metadata) =>
    server
      .as('trainer')
      .post('/Model', { modelName, modelVersion: 'v1', framework, metadata, modelBlob: bytes.toString('base64') }),
  raw: (modelName, framework, bytes, metadata) =>
    server.as('trainer').request('PUT', `/model/${modelName}/v1/blob?framework=${framework}`, bytes, {
      'content-type': 'application/octet-stream',
      'x-content-sha256': createHash('sha256').update(bytes).digest('hex'),
      'x-model-metadata': metadata,
    }),
};
const predict = (modelName: string, features: unknown) =>
  server.as('predictor').post('/predict', { modelName, features });

describe.each(Object.keys(ways))('a package of several files as %s', (way) => {
  it.each(['', 'top/'])('of ONNX and a tokenizer embeds texts (files in "%s")', async (folder) => {
    const modelName = `encoder-${way}${folder && '-top'}`;
    const { status, body } = await (ways[way] as (typeof ways)['form'])(
      modelName,
      'onnx',
      pack(encoder, folder),
      metadata,
    );
    expect([status, body.detail]).toEqual([201, undefined]);
    expect(body.info).toEqual({ dimension: 2, maxTokens: 8, pooling: 'mean', normalize: false });
    // Tokens 2 ([CLS]), 4 (one), 3 ([SEP]) have the vectors [id, 1]: their mean is [3, 1].
    const answer = await predict(modelName, { texts: ['one', 'one two three'] });
    expect(answer.body.prediction.embeddings).toEqual([
      [3, 1],
      [4, 1],
    ]);
  });

  it('of TensorFlow.js shards multiplies', async () => {
    const modelName = `graph-${way}`;
    const bytes = pack(inShards());
    const { status, body } = await (ways[way] as (typeof ways)['form'])(modelName, 'tfjs-graph', bytes, '{}');
    expect([status, body.detail, body.framework]).toEqual([201, undefined, 'tensorflow']);
    expect(body.digest).toBe(createHash('sha256').update(bytes).digest('hex'));
    const answer = await predict(modelName, { features: [[1, 1]] });
    expect(answer.body.prediction.scores).toEqual({ dtype: 'float32', shape: [1, 2], data: [4, 6] });
    const stored = await server.as('trainer').get(`/model/${modelName}/v1/blob`);
    expect(bytes.equals(stored.body)).toBe(true);
  });

  it('without one of its shards is refused, and nothing stays', async () => {
    const { 'group1-shard2of2.bin': _missing, ...rest } = inShards();
    const refused = await (ways[way] as (typeof ways)['form'])(`half-${way}`, 'tensorflow', pack(rest), '{}');
    expect([refused.status, refused.body.code]).toEqual([422, 'MODEL_MALFORMED']);
    expect((await server.as('viewer').get(`/model/half-${way}/v1`)).status).toBe(404);
  });
});
