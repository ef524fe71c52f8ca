import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCases } from '../../training-scripts/breast-cancer/dataset.ts';
import { readDigits } from '../../training-scripts/digits/dataset.ts';
import { adminPassword, bootServer, type TestServer } from '../support/boot-server.ts';
import { cosine } from '../support/vectors.ts';

const project = join(import.meta.dirname, '..', '..');
let server: TestServer;
let preload: { status: number | null; stdout: string; stderr: string };

beforeAll(async () => {
  server = await bootServer();
  preload = runPreload();
});
afterAll(() => server?.stop());

const runPreload = (ollama = 'http://127.0.0.1:9') =>
  spawnSync(
    process.execPath,
    [join(project, 'dist', 'scripts', 'preload-models.js'), '--url', server.url, '--password', adminPassword],
    {
      encoding: 'utf8',
      cwd: server.root,
      // Port 9 takes nobody's calls, so that a server of the machine does not change the test.
      env: { PATH: process.env.PATH, AI_OPS_ROOT: join(server.root, 'data'), OLLAMA_HOST: ollama },
    },
  );

describe('npm run preload', () => {
  it('loads the default models, once, and says in a line what it cannot have', () => {
    expect(preload).toMatchObject({ status: 0, stderr: '' });
    expect(preload.stdout).toMatch(/7 loaded, 0 there already, 1 skipped/);
    const again = runPreload().stdout;
    expect(again).toMatch(/0 loaded, 7 there already, 1 skipped/);
    expect(again.match(/skipped {3}nomic-embed-text:v1: no Ollama server answers/g)).toHaveLength(1);
  });

  it('puts them into production, with what they say of themselves', async () => {
    const { body } = await server.as('viewer').get('/model?stage=production');
    expect(body.models.map(({ id }: { id: string }) => id)).toEqual([
      'all-minilm-l6-v2-transformers:v1',
      'all-minilm-l6-v2:v1',
      'breast-cancer-onnx:v1',
      'digits-onnx:v1',
      'digits-tensorflow:v1',
      'guesslang:v1',
      'universal-sentence-encoder:v1',
    ]);
    for (const model of body.models.slice(0, 2)) {
      expect(model.info).toEqual({ dimension: 384, maxTokens: 256, pooling: 'mean', normalize: true });
    }
    expect(body.models[6].info).toMatchObject({ dimension: 512 });
  });
});

describe('the digits models', () => {
  it.each(['digits-onnx', 'digits-tensorflow'])('%s reads real digits, one by one and together', async (modelName) => {
    const digits = readDigits(join(project, 'models', 'data', 'digits.csv.gz')).slice(0, 40);
    const ask = (pixels: unknown) => server.as('predictor').post('/predict', { modelName, features: { pixels } });
    const together = await ask(digits.map(({ pixels }) => [...pixels]));
    const labels = together.body.prediction.map(({ label }: { label: string }) => Number(label));
    const right = labels.filter((label: number, index: number) => label === digits[index]?.label).length;
    expect(right).toBeGreaterThanOrEqual(38);
    for (const [index, { pixels }] of digits.slice(0, 5).entries()) {
      const { body } = await ask([[...pixels]]);
      expect(Number(body.prediction.label)).toBe(labels[index]);
      expect(body.confidence).toBeCloseTo(together.body.prediction[index].probabilities[body.prediction.label], 4);
    }
  });
});

describe('guesslang', () => {
  it.each([
    [{ inputs: ['def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n'] }, 'py'],
    [{ text: 'fn main() { let x: Vec<u8> = vec![1]; println!("{:?}", x); }' }, 'rs'],
    ['SELECT id, name FROM users WHERE age > 3 ORDER BY name;', 'sql'],
  ])('reads a program: %j', async (features, language) => {
    const { status, body } = await server.as('predictor').post('/predict', { modelName: 'guesslang', features });
    expect([status, body.prediction?.label]).toEqual([200, language]);
    expect(Object.keys(body.prediction.probabilities)).toHaveLength(54);
    expect(body.confidence).toBeCloseTo(body.prediction.probabilities[language], 10);
  });

  it('reads many', async () => {
    const texts = [
      '#include <stdio.h>\nint main(void) { return 0; }\n',
      'package main\nimport "fmt"\nfunc main() { fmt.Println("hi") }',
    ];
    const { body } = await server.as('predictor').post('/predict', { modelName: 'guesslang', features: { texts } });
    expect(body.prediction.map(({ label }: { label: string }) => label)).toEqual(['c', 'go']);
  });
});

describe('breast-cancer-onnx', () => {
  it('tells masses apart', async () => {
    const cases = readCases(join(project, 'models', 'data', 'breast-cancer.csv.gz')).slice(0, 100);
    const { body } = await server.as('predictor').post('/predict', {
      modelName: 'breast-cancer-onnx',
      features: { measurements: cases.map(({ measurements }) => [...measurements]) },
    });
    const right = body.prediction.filter(({ index }: { index: number }, row: number) => index === cases[row]?.label);
    expect(right.length).toBeGreaterThanOrEqual(94);
    expect(body.prediction[0].label).toBe('malignant');
  });
});

describe('the sentence encoders', () => {
  const golden: { text: string; embedding: number[] }[] = JSON.parse(
    readFileSync(join(project, 'tests', 'models', 'fixtures', 'minilm-golden.json'), 'utf8'),
  ).cases;
  const embed = async (texts: string[], modelName = 'all-minilm-l6-v2') =>
    (await server.as('predictor').post('/predict', { modelName, features: { texts } })).body;

  it.each(['all-minilm-l6-v2', 'all-minilm-l6-v2-transformers'])('%s gives the golden vectors', async (modelName) => {
    for (const { text, embedding } of golden) {
      const { prediction, dimension } = await embed([text], modelName);
      expect(dimension).toBe(384);
      expect(prediction.embedding).toEqual(prediction.embeddings[0]);
      expect(cosine(prediction.embedding, embedding)).toBeGreaterThanOrEqual(0.999);
      expect(Math.hypot(...prediction.embedding)).toBeCloseTo(1, 6);
    }
  });

  it('gives them in one request, and says what was cut', async () => {
    const { prediction, truncated, usage } = await embed(golden.map(({ text }) => text));
    const cosines = golden.map(({ embedding }, index) => cosine(prediction.embeddings[index], embedding));
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.99);
    expect(truncated).toEqual([11]);
    expect(usage.promptTokens).toBeGreaterThan(256);
  });

  it('keeps vectors above 64 kB by their digest', async () => {
    const { inferenceId } = await embed(Array.from({ length: 32 }, (_, index) => `text number ${index}`));
    const { body } = await server.as('predictor').get(`/InferenceEvent/${inferenceId}`);
    expect(JSON.parse(body.prediction)).toEqual({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), shape: [32, 384] });
  });

  const products = [
    { id: 'p1', name: 'Down jacket', description: 'warm jacket for cold winter days', category: 'clothing' },
    {
      id: 'p2',
      name: 'Trail runner',
      description: 'light running shoe with grip for muddy trails',
      category: 'shoes',
      price: 120,
    },
    { id: 'p3', name: 'Espresso machine', description: 'coffee at home', category: 'kitchen' },
  ];
  const userContext = { activityType: 'trail-running', experienceLevel: 'advanced', season: 'spring' };

  it.each(['universal-sentence-encoder', 'all-minilm-l6-v2', 'all-minilm-l6-v2-transformers'])(
    'personalise with %s, by configuration alone',
    async (modelName) => {
      for (const [path, named] of [
        [`/personalize?modelName=${modelName}`, {}],
        ['/personalize', { modelName }],
      ] as const) {
        const { status, body, headers } = await server.as('predictor').post(path, { products, userContext, ...named });
        expect(status).toBe(200);
        expect(body).toMatchObject({ personalized: true, model: `${modelName}:v1` });
        expect(headers.get('x-inference-id')).toBe(body.inferenceId);
        expect(body.products[0]).toMatchObject(products[1] as object);
        const scores = body.products.map(({ personalizedScore }: { personalizedScore: number }) => personalizedScore);
        expect(scores).toEqual([...scores].sort((a, b) => b - a));
        const event = await server.as('predictor').get(`/InferenceEvent/${body.inferenceId}`);
        expect(JSON.parse(event.body.prediction)[0]).toEqual({ id: 'p2', personalizedScore: scores[0] });
      }
    },
  );

  it('does not personalise with a model that takes no texts', async () => {
    const { status, body } = await server
      .as('predictor')
      .post('/personalize', { products, userContext, modelName: 'digits-onnx' });
    expect([status, body.code]).toEqual([400, 'INVALID_INPUT']);
  });
});

describe('PERSONALIZE_MODEL', () => {
  it('names the encoder', async () => {
    const { body } = await server
      .as('predictor')
      .post('/personalize', { products: [{ id: 1, name: 'x' }], userContext: { season: 'spring' } });
    expect(body.model).toBe('all-minilm-l6-v2:v1');
  });
});

describe('what an Ollama server keeps', () => {
  it('is registered once the server has it', async () => {
    // In a process of its own, for the script is waited for without a turn of this one.
    const script = `require('http').createServer((_, reply) => reply.setHeader('content-type', 'application/json')
      .end('{"models":[{"name":"nomic-embed-text:latest"}]}')).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
    const ollama = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [port] = await once(ollama.stdout, 'data');
      const { stdout } = runPreload(`http://127.0.0.1:${String(port).trim()}`);
      expect(stdout).toMatch(/1 loaded, 7 there already, 0 skipped/);
      const { body } = await server.as('trainer').get('/model/nomic-embed-text/v1/blob');
      expect(JSON.parse(String(body))).toEqual({ modelName: 'nomic-embed-text', mode: 'embeddings' });
      expect(runPreload().stdout).toMatch(/0 loaded, 8 there already, 0 skipped/);
    } finally {
      ollama.kill();
    }
  });
});
