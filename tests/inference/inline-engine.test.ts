import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { Answer, Asking, LoadedModel } from '../../src/inference/backend.ts';
import type { EngineInput, EngineModel } from '../../src/inference/engine.ts';
import { InlineEngine } from '../../src/inference/inline-engine.ts';
import { refusal } from '../support/codes.ts';

const model = (own: Partial<EngineModel> = {}): EngineModel => ({
  digest: 'a'.repeat(64),
  directory: '/nowhere',
  entry: 'ollama.json',
  framework: 'ollama',
  serves: 'candidates',
  runTimeoutMs: 1000,
  ...own,
});
const features = (value: unknown): EngineInput => ({ kind: 'features', features: value });
const patient = { timeoutMs: 1000 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An engine over one backend whose models answer as the test says. */
function engineOf(
  answer: (features: unknown, asking: Asking) => Promise<Answer>,
  options: { concurrency?: number; queueLimit?: number; load?: () => Promise<void> } = {},
) {
  const dispose = vi.fn(async () => {});
  const load = vi.fn(async (): Promise<LoadedModel> => {
    await options.load?.();
    const predict = async () => ({});
    return {
      inputs: [],
      outputs: [],
      fields: { inputs: [], outputs: [] },
      memoryBytes: 0,
      ask: answer,
      predict,
      dispose,
    };
  });
  const backend = { placement: 'inline' as const, load, availability: async () => ({ available: true }) };
  const inspect = vi.fn(async () => {});
  const { load: _load, ...limits } = options;
  return {
    engine: new InlineEngine({ backends: { ollama: () => backend }, inspect, ...limits }),
    load,
    inspect,
    dispose,
  };
}

/** Questions wait until they are let go, or their signal aborts. */
function gate() {
  const inside: { features: unknown; go: (answer: Answer) => void; signal: AbortSignal }[] = [];
  const answer = (asked: unknown, { signal }: Asking) =>
    new Promise<Answer>((resolve, reject) => {
      inside.push({ features: asked, go: resolve, signal });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  return { inside, answer };
}

describe('InlineEngine', () => {
  it('loads a model once for all who ask at the same time, after the gate', async () => {
    const { engine, load, inspect } = engineOf(async (asked) => ({ value: asked }));
    const results = await Promise.all([1, 2, 3].map((id) => engine.predict(model(), features(id), patient)));
    expect(results.map(({ value }) => value)).toEqual([1, 2, 3]);
    expect(load).toHaveBeenCalledOnce();
    expect(inspect).toHaveBeenCalledOnce();
    expect((await engine.load(model())).fields).toEqual({ inputs: [], outputs: [] });
    expect(load).toHaveBeenCalledOnce();
  });

  it('tries again after a load that failed, and refuses what the gate refuses', async () => {
    const broken = vi.fn().mockRejectedValueOnce(new Error('native words')).mockResolvedValue(undefined);
    const { engine, inspect } = engineOf(async () => ({ value: 1 }), { load: broken });
    const error = await refusal(() => engine.predict(model(), features(1), patient));
    expect(error.code).toBe('MODEL_LOAD_FAILED');
    expect(error.message).not.toContain('native words');
    expect((await engine.predict(model(), features(1), patient)).value).toBe(1);
    inspect.mockRejectedValueOnce(new AppError('MODEL_MANIFEST', 'no'));
    expect((await refusal(() => engine.load(model({ digest: 'b'.repeat(64) })))).code).toBe('MODEL_MANIFEST');
  });

  it('gives texts and features, options and deltas to the model, and vectors and counts back', async () => {
    const seen: unknown[] = [];
    const embedding = { dtype: 'float32' as const, shape: [1, 1], data: Float32Array.of(1) };
    const { engine } = engineOf(async (asked, { signal: _signal, onDelta, ...asking }) => {
      seen.push(asked, asking);
      await onDelta?.('a');
      return { embedding, promptTokens: 3, completionTokens: 4 };
    });
    const deltas: string[] = [];
    const asked: EngineInput = { kind: 'features', features: { a: 1 }, normalize: true, generation: { seed: 1 } };
    const onDelta = (text: string) => void deltas.push(text);
    const result = await engine.predict(model(), asked, { ...patient, onDelta });
    expect(result).toMatchObject({ outputs: { embedding }, promptTokens: 3, completionTokens: 4 });
    expect(result.timing.runMs).toBeGreaterThanOrEqual(0);
    await engine.predict(model(), { kind: 'texts', texts: ['x'] }, patient);
    expect(seen).toEqual([{ a: 1 }, { normalize: true, generation: { seed: 1 } }, { texts: ['x'] }, {}]);
    expect(deltas).toEqual(['a']);
  });

  it('runs as many at once as it may, lets others wait, and refuses those beyond', async () => {
    const { inside, answer } = gate();
    const { engine } = engineOf(answer, { concurrency: 2, queueLimit: 2 });
    await engine.load(model());
    const asked = [0, 1, 2, 3].map((id) => engine.predict(model(), features(id), patient));
    await turn();
    expect(inside.map((each) => each.features)).toEqual([0, 1]);
    expect((await engine.status()).queues).toEqual({ inFlight: 2, queued: 2, limit: 2 });
    const full = await refusal(() => engine.predict(model(), features(4), patient));
    expect(full).toMatchObject({ code: 'QUEUE_FULL', retryAfterSeconds: 1 });
    for (let at = 0; at < 4; at++) {
      await vi.waitFor(() => expect(inside.length).toBeGreaterThan(at));
      inside[at]?.go({ value: at });
    }
    expect((await Promise.all(asked)).map(({ value }) => value)).toEqual([0, 1, 2, 3]);
    const { models, queues } = await engine.status();
    expect(queues).toMatchObject({ inFlight: 0, queued: 0 });
    expect(models).toMatchObject([{ digest: model().digest, state: 'ready', inFlight: 0, queued: 0 }]);
  });

  it('answers at the deadline and when the caller leaves: while loading, waiting and running', async () => {
    const { inside, answer } = gate();
    let loaded: () => void = () => {};
    const loading = new Promise<void>((resolve) => (loaded = resolve));
    const { engine, dispose } = engineOf(answer, { concurrency: 1, load: () => loading });
    const reason = new AppError('CANCELLED', 'gone');
    const leaving = new AbortController();
    const atLoad = [
      refusal(() => engine.predict(model(), features(1), { timeoutMs: 10 })),
      refusal(() => engine.predict(model(), features(2), { timeoutMs: 1000, signal: leaving.signal })),
    ];
    setTimeout(() => leaving.abort(reason), 10);
    expect((await Promise.all(atLoad)).map(({ code }) => code)).toEqual(['INFERENCE_TIMEOUT', 'CANCELLED']);
    loaded();
    await engine.load(model());
    const running = refusal(() => engine.predict(model(), features(3), { timeoutMs: 30 }));
    await turn();
    const waiting = refusal(() => engine.predict(model(), features(4), { timeoutMs: 10 }));
    expect((await waiting).code).toBe('INFERENCE_TIMEOUT');
    expect((await running).code).toBe('INFERENCE_TIMEOUT');
    expect(inside.map((each) => each.features)).toEqual([3]);
    const left = refusal(() => engine.predict(model(), features(5), { timeoutMs: 10, signal: leaving.signal }));
    expect(await left).toBe(reason);
    expect((await engine.status()).queues).toMatchObject({ inFlight: 0, queued: 0 });
    // Nobody holds a lease: what is unloaded is disposed at once.
    await engine.unload(model().digest);
    await vi.waitFor(() => expect(dispose).toHaveBeenCalledOnce());
  });

  it('keeps a model until the last answer, though it was unloaded', async () => {
    const { inside, answer } = gate();
    const { engine, dispose } = engineOf(answer);
    const asked = engine.predict(model(), features(1), patient);
    await vi.waitFor(() => expect(inside.length).toBe(1));
    await engine.unload(model().digest);
    expect(dispose).not.toHaveBeenCalled();
    inside[0]?.go({ value: 'late' });
    expect((await asked).value).toBe('late');
    await vi.waitFor(() => expect(dispose).toHaveBeenCalledOnce());
  });

  it('turns what breaks unforeseen into an error that says nothing of it', async () => {
    const { engine } = engineOf(async () => {
      throw new TypeError('x is not a function');
    });
    const error = await refusal(() => engine.predict(model(), features(1), patient));
    expect(error.code).toBe('BACKEND_FAILED');
    expect(error.message).not.toContain('function');
  });

  it('takes nothing more once it is closed, and knows no other framework', async () => {
    const { engine } = engineOf(async () => ({ value: 1 }));
    const foreign = await refusal(() => engine.load(model({ framework: 'onnx' })));
    expect(foreign.code).toBe('BACKEND_NOT_INSTALLED');
    await engine.close();
    expect((await refusal(() => engine.predict(model(), features(1), patient))).code).toBe('NOT_READY');
    expect((await refusal(() => engine.load(model()))).code).toBe('NOT_READY');
  });

  it('loads the same bytes anew for another entry, framework or device, and no other difference', async () => {
    const { engine, load } = engineOf(async () => ({ value: 1 }));
    await engine.load(model());
    await engine.load(model({ device: 'cpu', runTimeoutMs: 7, serves: 'production', directory: '/elsewhere' }));
    expect(load).toHaveBeenCalledTimes(1);
    await engine.load(model({ entry: 'other.json' }));
    await engine.load(model({ device: 'cuda' }));
    await engine.load(model({ digest: 'b'.repeat(64) }));
    expect(load).toHaveBeenCalledTimes(4);
    const { models } = await engine.status();
    expect(models.map(({ digest }) => digest[0])).toEqual(expect.arrayContaining(['a', 'b']));
    await engine.unload(model().digest);
    expect((await engine.status()).models.map(({ digest }) => digest)).toEqual(['b'.repeat(64)]);
  });

  it('tells the gate and the backend what to look at, and gives back what the model says of itself', async () => {
    const { engine, load, inspect } = engineOf(async () => ({ value: 1 }));
    const own = model({ taskType: 'chat' });
    const info = await engine.load(own);
    expect(inspect).toHaveBeenCalledWith({ directory: '/nowhere', entry: 'ollama.json', framework: 'ollama' });
    expect(load).toHaveBeenCalledWith(own, own);
    expect(info).toEqual({
      inputs: [],
      outputs: [],
      fields: { inputs: [], outputs: [] },
      memoryBytes: 0,
      loadMs: expect.any(Number),
    });
    expect(info.loadMs).toBeGreaterThanOrEqual(0);
    expect(info.loadMs).toBeLessThan(1000);
    expect((await engine.status()).backends).toEqual({ ollama: { available: true } });
  });

  it('asks a model of tensors for tensors', async () => {
    const x = { dtype: 'float32' as const, shape: [1], data: Float32Array.of(3) };
    const predict = vi.fn(async (inputs: object) => ({ ...inputs }));
    const loaded: LoadedModel = { inputs: [], outputs: [], memoryBytes: 0, predict, dispose: async () => {} };
    const engine = new InlineEngine({
      backends: {
        ollama: () => ({
          placement: 'inline',
          load: async () => loaded,
          availability: async () => ({ available: true }),
        }),
      },
      inspect: async () => {},
    });
    const answer = await engine.predict(model(), { kind: 'tensors', tensors: { x } }, patient);
    expect(answer).toEqual({ outputs: { x }, timing: expect.objectContaining({ tokenizeMs: 0, postMs: 0 }) });
    expect(answer).not.toHaveProperty('value');
    expect(await engine.load(model())).not.toHaveProperty('fields');
    await engine.predict(model(), features({ a: 1 }), patient);
    expect(predict.mock.calls).toEqual([[{ x }], [{}]]);
  });

  it('counts the time in line and the time at work apart', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 40));
    const { engine } = engineOf(async () => (await wait(), { value: 1 }), { concurrency: 1 });
    await engine.load(model());
    const [first, second] = await Promise.all([1, 2].map((id) => engine.predict(model(), features(id), patient)));
    for (const each of [first, second]) {
      expect(each?.timing.runMs).toBeGreaterThan(30);
      expect(each?.timing.runMs).toBeLessThan(1000);
    }
    expect(second?.timing.queueMs).toBeGreaterThan(30);
    expect(second?.timing.queueMs).toBeGreaterThan(first?.timing.queueMs as number);
    expect(second?.timing.queueMs).toBeLessThan(1000);
    expect(first?.outputs).toEqual({});
  });

  it('gives a place back however its question ended, also that of one who left in line', async () => {
    const { inside, answer } = gate();
    const { engine } = engineOf(answer, { concurrency: 1, queueLimit: 1 });
    await engine.load(model());
    const running = engine.predict(model(), features('runs'), patient);
    await turn();
    for (let again = 0; again < 3; again++) {
      const late = await refusal(() => engine.predict(model(), features('waits'), { timeoutMs: 5 }));
      expect(late.code).toBe('INFERENCE_TIMEOUT');
    }
    const next = engine.predict(model(), features('next'), patient);
    await turn();
    expect((await engine.status()).queues).toMatchObject({ inFlight: 1, queued: 1 });
    const full = await refusal(() => engine.predict(model(), features('beyond'), patient));
    expect([full.code, full.message]).toEqual(['QUEUE_FULL', expect.stringContaining('at most 1 waiting')]);
    inside[0]?.go({ value: 1 });
    await running;
    await vi.waitFor(() => expect(inside.map((each) => each.features)).toEqual(['runs', 'next']));
    inside[1]?.go({ value: 2 });
    expect((await next).value).toBe(2);
  });

  it('does not ask for a caller who had left before', async () => {
    const { inside, answer } = gate();
    const { engine } = engineOf(answer);
    await engine.load(model());
    const reason = new AppError('CANCELLED', 'gone');
    const signal = AbortSignal.abort(reason);
    expect(await refusal(() => engine.predict(model(), features(1), { ...patient, signal }))).toBe(reason);
    expect(inside).toEqual([]);
  });

  it('says when it is worth coming back, and what it cannot run', async () => {
    const { engine } = engineOf(async () => ({ value: 1 }));
    const foreign = await refusal(() => engine.load(model({ framework: 'toString' as 'onnx' })));
    expect([foreign.code, foreign.message]).toEqual(['BACKEND_NOT_INSTALLED', expect.stringContaining('toString')]);
    await engine.load(model());
    await engine.close();
    expect((await engine.status()).models).toEqual([]);
    const late = await refusal(() => engine.predict(model(), features(1), patient));
    expect(late).toMatchObject({ retryAfterSeconds: 1, message: expect.stringContaining('shutting down') });
  });
});
