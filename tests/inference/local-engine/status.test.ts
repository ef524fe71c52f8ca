import { describe, expect, it } from 'vitest';
import { LocalEngine } from '../../../src/inference/local-engine.ts';
import { refusal } from '../../support/codes.ts';
import { BehavingBackend } from '../../support/runner-backend.ts';
import { behavingModel, row } from '../../support/runner-fixture.ts';

const soon = { timeoutMs: 5000 };

function newEngine() {
  const loads: string[] = [];
  const seen: unknown[] = [];
  const engine = new LocalEngine({
    backends: { onnx: () => new BehavingBackend({ onLoad: ({ entry }) => loads.push(entry) }) },
    inspect: async (files) => {
      seen.push(files);
      return { inputs: [] };
    },
    openText: async () => undefined,
    queueLimit: 7,
  });
  return { engine, loads, seen };
}

describe('what an engine says of itself', () => {
  it('is each model by its bytes, with the memory of all ways in which it is loaded', async () => {
    const { engine } = newEngine();
    const [double, fixed] = [behavingModel('double'), behavingModel('fixed')];
    expect(await engine.status()).toEqual({
      models: [],
      runners: [],
      queues: { inFlight: 0, queued: 0, limit: 7 },
      backends: { onnx: { available: true } },
    });
    await engine.load(double);
    await engine.load({ ...double, threads: 2 });
    await engine.predict(fixed, row(1), soon);
    const { models } = await engine.status();
    expect(models).toHaveLength(2);
    const of = (digest: string) => models.find((one) => one.digest === digest);
    const idle = { state: 'ready', reason: null, inFlight: 0, queued: 0 };
    expect(of(double.digest)).toEqual({
      digest: double.digest,
      ...idle,
      memoryBytes: 2000,
      lastUsedAt: null,
      loads: 2,
    });
    expect(of(fixed.digest)).toMatchObject({ ...idle, memoryBytes: 1000, loads: 1, lastUsedAt: expect.any(Number) });
    await engine.unload(double.digest);
    expect((await engine.status()).models.map(({ digest }) => digest)).toEqual([fixed.digest]);
  });

  it('is what waits for a model that is on its way', async () => {
    const { engine } = newEngine();
    const model = behavingModel('double');
    const asked = engine.predict(model, row(1), soon);
    const { models, queues } = engine.statusNow();
    expect(models).toMatchObject([{ digest: model.digest, state: 'loading', memoryBytes: 0, queued: 1, inFlight: 0 }]);
    expect(queues).toEqual({ inFlight: 0, queued: 1, limit: 7 });
    await asked;
    expect(engine.statusNow()).toMatchObject({ models: [{ state: 'ready' }], queues: { inFlight: 0, queued: 0 } });
  });
});

describe('a way of loading', () => {
  it.each<[string, object]>([
    ['a device', { device: 'cuda' }],
    ['threads', { threads: 3 }],
    ['a task', { taskType: 'fill-mask' }],
    ['a pooling', { pooling: 'cls' }],
    ['vectors as they are', { normalize: false }],
    ['a limit', { maxTokens: 9 }],
    ['another file', { entry: 'fixed' }],
  ])('of its own is that of %s', async (_name, own) => {
    const { engine, loads } = newEngine();
    const model = behavingModel('double');
    for (const each of [model, { ...model, ...own }, model, { ...model, ...own }]) await engine.load(each);
    expect(loads).toHaveLength(2);
  });

  it('is the same for what only says the usual, and for another stage or limit of time', async () => {
    const { engine, loads } = newEngine();
    const model = behavingModel('double');
    for (const own of [{}, { device: 'cpu', threads: 1 }, { serves: 'candidates' as const }, { runTimeoutMs: 9 }])
      await engine.load({ ...model, ...own });
    expect(loads).toHaveLength(1);
  });
});

it('the gate sees the files of a model alone, again when it was unloaded', async () => {
  const { engine, seen } = newEngine();
  const model = behavingModel('double');
  await engine.load(model);
  await engine.load({ ...model, threads: 2 });
  const files = { directory: '/nowhere', entry: 'double', framework: 'onnx' };
  expect(seen).toEqual([files]);
  await engine.unload(model.digest);
  await engine.load(model);
  expect(seen).toEqual([files, files]);
});

it.each(['tensorflow', 'toString'])('the framework %s is refused where nothing runs it', async (framework) => {
  const { engine } = newEngine();
  const error = await refusal(() => engine.load({ ...behavingModel('double'), framework: framework as 'onnx' }));
  expect([error.code, error.message]).toEqual([
    'BACKEND_NOT_INSTALLED',
    `Expected one of the frameworks onnx, got ${framework}`,
  ]);
});

it('features are refused by a model that reads none, at its line', async () => {
  const { engine } = newEngine();
  const error = await refusal(() => engine.predict(behavingModel('double'), { kind: 'features', features: {} }, soon));
  expect(error.code).toBe('INVALID_INPUT');
  expect(engine.statusNow().queues).toMatchObject({ inFlight: 0, queued: 0 });
});
