import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../registry/package/zip.ts';
import { bootServer, type TestServer, uploadForm } from '../support/boot-server.ts';
import { imageClassifier, maskFiller, png, sequenceClassifier, softmax } from '../support/tiny-hub.ts';
import type { TinyFiles } from '../support/tiny-tensorflow.ts';
import { cosine } from '../support/vectors.ts';

const project = join(import.meta.dirname, '..', '..');
const minilm = readFileSync(join(project, 'models', 'bundles', 'all-minilm-l6-v2.zip'));
const digest = createHash('sha256').update(minilm).digest('hex');
const metadata = JSON.stringify({ taskType: 'text-embedding' });

let server: TestServer;
beforeAll(async () => {
  server = await bootServer({ environment: { PERSONALIZE_MODEL: 'minilm-form' } });
});
afterAll(() => server?.stop());

const pack = (files: TinyFiles): Buffer =>
  zip(Object.entries(files).map(([name, content]) => ({ name: `model/${name}`, data: Buffer.from(content) })));
const upload = (modelName: string, bytes: Uint8Array, fields: Readonly<Record<string, string>> = {}) =>
  server
    .as('trainer')
    .post('/model/upload', uploadForm({ modelName, modelVersion: 'v1', framework: 'transformers', ...fields }, bytes));
const predict = (modelName: string, features: unknown, options?: object) =>
  server.as('predictor').post('/predict', { modelName, features, ...(options && { options }) });

describe('MiniLM as a package of the hub', () => {
  it('comes in by all three ways', async () => {
    const trainer = server.as('trainer');
    const answers = [
      await upload('minilm-form', minilm, { metadata }),
      await trainer.post('/Model', {
        modelName: 'minilm-json',
        modelVersion: 'v1',
        framework: 'huggingface',
        modelBlob: minilm.toString('base64'),
        metadata,
      }),
      await trainer.request('PUT', '/model/minilm-raw/v1/blob?framework=transformers', minilm, {
        'content-type': 'application/octet-stream',
        'x-model-metadata': metadata,
      }),
    ];
    for (const { status, body } of answers) {
      expect([status, body.code, body.digest]).toEqual([201, undefined, digest]);
      expect(body).toMatchObject({
        framework: 'transformers',
        inputSchema: { inputs: [{ name: 'texts', type: 'array' }] },
        outputSchema: { outputs: [{ name: 'embedding', dtype: 'float32', shape: [-1, 384] }] },
        info: { dimension: 384, maxTokens: 256, pooling: 'mean', normalize: true },
      });
    }
    expect((await upload('minilm-onnx', minilm, { framework: 'onnx', metadata })).status).toBe(201);
  });

  it.each(['minilm-form', 'minilm-json', 'minilm-raw'])(
    '%s answers as the ONNX model of the same bytes',
    async (name) => {
      const texts = ['a plane is taking off', '', 'eine warme Jacke für den Winter', 'word '.repeat(400)];
      for (const features of [...texts.map((text) => ({ text })), { texts }]) {
        const [ours, onnx] = [await predict(name, features), await predict('minilm-onnx', features)];
        expect([ours.status, onnx.status]).toEqual([200, 200]);
        const volatile = ['inferenceId', 'latencyMs', 'requestId', 'modelName', 'prediction'];
        const fixed = (body: object) =>
          Object.fromEntries(Object.entries(body).filter(([key]) => !volatile.includes(key)));
        expect(fixed(ours.body)).toEqual(fixed(onnx.body));
        expect(ours.body).toMatchObject({ dimension: 384, confidence: null });
        for (const [row, vector] of ours.body.prediction.embeddings.entries()) {
          expect(cosine(vector, onnx.body.prediction.embeddings[row])).toBeGreaterThanOrEqual(0.9999);
        }
        expect(ours.body.prediction.embedding).toEqual(ours.body.prediction.embeddings[0]);
      }
      const raw = await predict(name, { text: 'a' }, { normalize: false });
      expect(Math.hypot(...raw.body.prediction.embedding)).not.toBeCloseTo(1, 2);
    },
  );

  it('orders products, when PERSONALIZE_MODEL names it', async () => {
    const { status, body } = await server.as('predictor').post('/personalize', {
      products: [
        { id: 'jacket', name: 'Down jacket', description: 'warm jacket for winter nights', category: 'clothing' },
        { id: 'shoe', name: 'Trail runner', description: 'light shoe with grip for muddy paths', category: 'shoes' },
      ],
      userContext: { activityType: 'trail-running', experienceLevel: 'advanced', season: 'spring' },
    });
    expect([status, body.model]).toEqual([200, 'minilm-form:v1']);
    expect(body.products.map(({ id }: { id: string }) => id)).toEqual(['shoe', 'jacket']);
    const onnx = await server.as('predictor').post('/personalize?modelName=minilm-onnx', {
      products: body.products.map(({ personalizedScore: _, ...product }: Record<string, unknown>) => product),
      userContext: { activityType: 'trail-running', experienceLevel: 'advanced', season: 'spring' },
    });
    for (const [index, { personalizedScore }] of body.products.entries()) {
      expect(onnx.body.products[index].personalizedScore).toBeCloseTo(personalizedScore, 3);
    }
  });

  it('refuses what is no text', async () => {
    for (const features of [{ input_ids: [[1, 2]] }, { texts: [1] }, 7]) {
      const { status, body } = await predict('minilm-form', features);
      expect([status, body.code]).toEqual([400, 'INVALID_INPUT']);
    }
  });
});

describe('pipelines', () => {
  const close = (value: number | undefined) => expect.closeTo(value as number, 5);

  it('classify texts, with a confidence for one', async () => {
    const bytes = pack(sequenceClassifier(['POSITIVE', 'NEGATIVE'], { good: [2, 0], bad: [0, 3] }));
    const { status, body } = await upload('sentiment', bytes);
    expect([status, body.inputSchema]).toEqual([201, { inputs: [{ name: 'texts', type: 'array' }] }]);
    const [score] = softmax([2, 0]);
    const one = await predict('sentiment', { text: 'good' });
    expect(one.body).toMatchObject({
      prediction: [{ label: 'POSITIVE', score: close(score) }],
      confidence: close(score),
    });
    const two = await predict('sentiment', { texts: ['good', 'bad'] });
    expect(two.body).toMatchObject({ confidence: null });
    expect(two.body.prediction.map(({ label }: { label: string }) => label)).toEqual(['POSITIVE', 'NEGATIVE']);
    const event = await server.as('admin').get(`/InferenceEvent/${one.body.inferenceId}`);
    expect(JSON.parse(event.body.prediction)).toEqual(one.body.prediction);
    expect(event.body).toMatchObject({ framework: 'transformers', confidence: close(score), errorCode: null });
  });

  it('answer many at once, each with its own answer', async () => {
    const texts = Array.from({ length: 60 }, (_, i) => (i % 3 ? 'good' : 'bad'));
    const answers = await Promise.all(texts.map((text) => predict('sentiment', { text })));
    expect(answers.map(({ body }) => body.prediction[0].label)).toEqual(
      texts.map((text) => (text === 'good' ? 'POSITIVE' : 'NEGATIVE')),
    );
  });

  it('say what is wrong with features, and leave an event', async () => {
    await upload('filler', pack(maskFiller({})));
    await upload('colours', pack(imageClassifier(['red', 'blue'], [5, 0, 0, 0, 0, 5])));
    for (const [model, features, path] of [
      ['sentiment', { text: 'good', device: 'cuda' }, 'features'],
      ['filler', { text: 'anna lives in' }, 'features'],
      ['colours', { image: 'https://example.com/a.png' }, 'features.image'],
      ['colours', {}, 'features.image'],
    ] as const) {
      const { status, body } = await predict(model, features);
      expect([status, body.code, body.errors[0].path]).toEqual([400, 'INVALID_INPUT', path]);
      expect(body.inferenceId).toBeTypeOf('string');
    }
  });

  it('see images', async () => {
    const image = png(8, 8, [255, 0, 0]).toString('base64');
    const { body } = await predict('colours', { image });
    expect(body.prediction[0]).toEqual({ label: 'red', score: close(softmax([5, 0])[0]) });
    expect(body.confidence).toEqual(close(softmax([5, 0])[0]));
  });
});

describe('packages', () => {
  const good = sequenceClassifier(['A', 'B'], {});

  it.each<[string, () => Uint8Array, number, string]>([
    ['a bare ONNX file', () => Buffer.from(good['onnx/model.onnx'] as Uint8Array), 422, 'MODEL_FORMAT'],
    ['a pickle', () => Buffer.from('\x80\x04\x95pickle', 'latin1'), 415, 'FORMAT_NOT_LOADABLE'],
    [
      'weights of PyTorch only',
      () => pack({ 'config.json': '{}', 'model.safetensors': Buffer.from('\x40\0\0\0\0\0\0\0{"a":1}', 'latin1') }),
      422,
      'MODEL_FORMAT',
    ],
    ['no description', () => pack({ 'onnx/model.onnx': good['onnx/model.onnx'] ?? '' }), 422, 'MODEL_MANIFEST'],
    ['no tokenizer', () => pack({ ...good, 'tokenizer.json': '' }), 422, 'MODEL_MALFORMED'],
    ['a damaged second file', () => pack({ ...good, 'onnx/model_q4.onnx': '<html>' }), 422, 'MODEL_MALFORMED'],
    [
      'a type of model that nobody knows',
      () => pack({ ...good, 'config.json': '{"architectures":["XForSequenceClassification"],"model_type":"x"}' }),
      422,
      'MODEL_MANIFEST',
    ],
  ])('are refused: %s', async (name, bytes, status, code) => {
    const modelName = name.replaceAll(' ', '-');
    const answer = await upload(modelName, bytes());
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).not.toMatch(/\/(tmp|home|root|work)\//);
    expect((await server.as('viewer').get(`/model/${modelName}/v1`)).status).toBe(404);
  });

  it('are asked as the metadata says, also when that changes', async () => {
    const nli = sequenceClassifier(['contradiction', 'entailment'], { rome: [0, 2], bad: [3, 0] });
    await upload('nli', pack(nli));
    expect((await predict('nli', { text: 'anna in rome' })).body.prediction[0].label).toBe('entailment');
    const change = { metadata: { taskType: 'zero-shot-classification' } };
    expect((await server.as('trainer').request('PATCH', '/model/nli/v1', change)).status).toBe(200);
    const { body } = await predict('nli', { text: 'anna', candidate_labels: ['rome', 'bad'] });
    expect(body.prediction).toMatchObject({ sequence: 'anna', labels: ['rome', 'bad'] });
  });

  it('show in the status', async () => {
    const { body } = await server.as('viewer').get('/status');
    expect(body.backends.transformers).toMatchObject({ available: true, runtime: 'native', version: '4.3.1' });
    expect(body.models.some(({ framework }: { framework: string }) => framework === 'transformers')).toBe(true);
  });
});
