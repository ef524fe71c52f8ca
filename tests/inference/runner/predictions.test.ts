import { setMaxListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/lib/tensor.ts';
import { behavingModel, numbersOf, type RunnerFixture, row, startRunners } from '../../support/runner-fixture.ts';

const soon = { timeoutMs: 5000 };

describe('a runner', () => {
  let runners: RunnerFixture;

  beforeAll(async () => {
    runners = await startRunners({ settings: { queueLimit: 20_000 } }, { maxInFlight: 20_000 });
  });
  afterAll(() => runners.close());

  it('answers predictions of its models', async () => {
    const result = await runners.client.predict(behavingModel('double'), row(1, 2.5), soon);
    expect(numbersOf(result)).toEqual([2, 5]);
    expect(result.outputs.y?.shape).toEqual([1, 2]);
    expect(result.timing.runMs).toBeGreaterThanOrEqual(0);
  });

  it('says what it learnt of a model', async () => {
    const info = await runners.client.load(behavingModel('double'));
    expect(info.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1, 2] }]);
    expect(info.memoryBytes).toBe(1000);
  });

  it('keeps errors what they are', async () => {
    const text = runners.client.predict(behavingModel('double'), { kind: 'texts', texts: ['a'] }, soon);
    await expect(text).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const wrong = runners.client.predict(behavingModel('double'), { kind: 'tensors', tensors: {} }, soon);
    await expect(wrong).rejects.toMatchObject({ code: 'INPUT_NAME', violations: [{ path: 'x' }] });
    await expect(runners.client.load(behavingModel('load-error'))).rejects.toMatchObject({ code: 'MODEL_LOAD_FAILED' });
  });

  it('P14: makes one load for 10,000 parallel requests to a cold model', async () => {
    const model = behavingModel('load-slow:200', { name: 'cold' });
    const answers = await Promise.all(
      Array.from({ length: 10_000 }, (_, i) => runners.client.predict(model, row(i), { timeoutMs: 20_000 })),
    );
    expect(answers.every((answer, i) => numbersOf(answer)[0] === i * 2)).toBe(true);
    // A second load would have taken another 200 ms, and a cached model reports the first one's time.
    const { loadMs } = await runners.client.load(model);
    expect(loadMs).toBeGreaterThanOrEqual(200);
    const status = await runners.client.status();
    expect(status.models.find(({ digest }) => digest === model.digest)).toMatchObject({
      state: 'ready',
      inFlight: 0,
      queued: 0,
    });
    expect(status.queues).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('carries large tensors', async () => {
    const data = Float32Array.from({ length: 2_000_000 }, (_, i) => i % 1000);
    const input = { kind: 'tensors', tensors: { x: { dtype: 'float32', shape: [1_000_000, 2], data } } } as const;
    const { outputs } = await runners.client.predict(behavingModel('double'), input, soon);
    expect(outputs.y?.shape).toEqual([1_000_000, 2]);
    expect(((outputs.y as Tensor).data as Float32Array)[1_999_999]).toBe(1998);
  });

  it('P20: frees the place of requests that were aborted', { timeout: 60_000 }, async () => {
    const slow = behavingModel('slow:50');
    await runners.client.load(slow);
    const aborted = new AbortController();
    setMaxListeners(0, aborted.signal);
    const running = runners.client.predict(slow, row(1), soon);
    const waiting = Array.from({ length: 10_000 }, () =>
      runners.client.predict(slow, row(1), { ...soon, signal: aborted.signal }),
    );
    aborted.abort(new Error('went away'));
    const settled = await Promise.allSettled(waiting);
    expect(settled.every((one) => one.status === 'rejected' && one.reason.message === 'went away')).toBe(true);
    await running;
    const start = performance.now();
    await runners.client.predict(slow, row(1), soon);
    // Had the aborted ones been run, this would have waited for minutes.
    expect(performance.now() - start).toBeLessThan(10_000);
    expect((await runners.client.status()).queues).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('serves several clients, and forgets a model on demand', async () => {
    const other = runners.newClient();
    const model = behavingModel('double', { name: 'shared' });
    const [a, b] = await Promise.all([runners.client.predict(model, row(1), soon), other.predict(model, row(2), soon)]);
    expect([numbersOf(a)[0], numbersOf(b)[0]]).toEqual([2, 4]);
    await other.unload(model.digest);
    const { models } = await runners.client.status();
    expect(models.map(({ digest }) => digest)).not.toContain(model.digest);
  });

  it('reports its runners with their memory', async () => {
    const { runners: reported, backends } = await runners.client.status();
    expect(reported.map(({ id }) => id).sort()).toEqual(['candidates', 'production']);
    for (const { memoryBytes, restarts } of reported) {
      expect(memoryBytes).toBeGreaterThan(10_000_000);
      expect(restarts).toBe(0);
    }
    expect(backends.onnx).toEqual({ available: true });
  });
});

describe('a full queue', () => {
  it('refuses in the runner and in the client', async () => {
    const runners = await startRunners({ settings: { queueLimit: 4 } }, { maxInFlight: 20 });
    try {
      const slow = behavingModel('slow:100');
      await runners.client.load(slow);
      const settled = await Promise.allSettled(
        Array.from({ length: 25 }, () => runners.client.predict(slow, row(1), soon)),
      );
      const codes = settled.map((one) => (one.status === 'rejected' ? one.reason.code : 'answered'));
      expect(codes.filter((code) => code === 'answered').length).toBeGreaterThanOrEqual(4);
      expect(codes.filter((code) => code === 'QUEUE_FULL').length).toBeGreaterThanOrEqual(15);
      expect(settled.find((one) => one.status === 'rejected')?.reason.retryAfterSeconds).toBe(1);
    } finally {
      await runners.close();
    }
  });
});
