import { describe, expect, it, vi } from 'vitest';
import { monotonicMs } from '../../../src/inference/batching/monotonic.ts';
import type { RunnerReply } from '../../../src/inference/runner/messages.ts';
import { refusal } from '../../support/codes.ts';
import { behavingModel, row, until } from '../../support/runner-fixture.ts';
import { answerOf, predictionsOf, testFleet } from '../../support/test-runner.ts';

const model = behavingModel('double');
const soon = { timeoutMs: 5000 };

describe('a client of runners', () => {
  it('describes a model once, also when it comes as another object, and anew when anything differs', async () => {
    const { client, start, announce } = testFleet();
    const runner = await start('one');
    await announce([runner]);
    for (const asked of [model, model, { ...model, serves: 'production' as const }])
      await client.predict(asked, row(1), soon);
    expect(runner.heard.filter(({ op }) => op === 'model')).toEqual([{ op: 'model', model: 1, description: model }]);
    const others = [
      { digest: 'e'.repeat(64) },
      { directory: '/elsewhere' },
      { entry: 'fixed' },
      { framework: 'tensorflow' as const },
      { device: 'cuda' },
      { threads: 2 },
      { taskType: 'fill-mask' },
      { pooling: 'cls' as const },
      { normalize: false },
      { maxTokens: 7 },
      { runTimeoutMs: 7 },
    ].map((own) => ({ ...model, ...own }));
    for (const other of others) await client.predict(other, row(1), soon);
    expect(runner.heard.filter(({ op }) => op === 'model').slice(1)).toEqual(
      others.map((description, at) => ({ op: 'model', model: at + 2, description })),
    );
    expect(predictionsOf(runner).map(({ model: handle }) => handle)).toEqual([
      1,
      1,
      1,
      ...others.map((_, at) => at + 2),
    ]);
  });

  it('waits for the first runner of its kind, and says so when none comes', async () => {
    const { client, start, announce } = testFleet({ readyTimeoutMs: 400 });
    expect(client.isReady('production')).toBe(false);
    const early = refusal(() => client.predict(model, row(1), soon));
    expect(await early).toMatchObject({ code: 'NOT_READY', message: expect.stringContaining('not started yet') });
    const waiting = client.predict(model, row(1), soon);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const runner = await start('one');
    await announce([runner]);
    expect((await waiting).value).toBe('one');
    expect([client.isReady('production'), client.isReady('candidates')]).toEqual([true, false]);
    const candidate = await refusal(() => client.predict({ ...model, serves: 'candidates' }, row(1), soon));
    expect(candidate).toMatchObject({ code: 'MODEL_UNAVAILABLE', retryAfterSeconds: 5 });
  });

  it('answers at the deadline, and takes the call back', async () => {
    const { client, start, announce } = testFleet({ loadTimeoutMs: 60 });
    const runner = await start('one');
    runner.behave = () => undefined;
    await announce([runner]);
    const begun = performance.now();
    expect((await refusal(() => client.predict(model, row(1), { timeoutMs: 60 }))).code).toBe('INFERENCE_TIMEOUT');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(55);
    expect((await refusal(() => client.load(model))).code).toBe('MODEL_LOAD_FAILED');
    await until(() => runner.heard.filter(({ op }) => op === 'cancel').length === 2);
    const asked = runner.heard.flatMap((request) =>
      request.op === 'predict' || request.op === 'load' ? [request.id] : [],
    );
    expect(runner.heard.flatMap((request) => (request.op === 'cancel' ? [request.id] : []))).toEqual(asked);
  });

  it('lets a caller leave, before and after its call was sent', async () => {
    const { client, start, announce } = testFleet();
    const runner = await start('one');
    runner.behave = () => undefined;
    await announce([runner]);
    const reason = new Error('gone');
    await expect(client.predict(model, row(1), { ...soon, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(runner.heard).toEqual([]);
    const leaving = new AbortController();
    const asked = client.predict(model, row(1), { ...soon, signal: leaving.signal });
    await until(() => predictionsOf(runner).length === 1);
    leaving.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await until(() => runner.heard.at(-1)?.op === 'cancel');
    // One that was answered in time leaves no listener.
    runner.behave = ({ id }) => answerOf(id, 1);
    const { signal } = new AbortController();
    const remove = vi.spyOn(signal, 'removeEventListener');
    await client.predict(model, row(1), { ...soon, signal });
    expect(remove.mock.calls).toEqual([['abort', expect.any(Function)]]);
  });

  it('has so many calls under way, and refuses the next', async () => {
    const { client, start, announce } = testFleet({ maxInFlight: 2 });
    const runner = await start('one');
    const held: number[] = [];
    runner.behave = ({ id }) => void held.push(id);
    await announce([runner]);
    const leaving = new AbortController();
    const under = [1, 2].map((id) => client.predict(model, row(id), { ...soon, signal: leaving.signal }).catch(String));
    const full = await refusal(() => client.predict(model, row(3), soon));
    expect(full).toMatchObject({ code: 'QUEUE_FULL', message: expect.stringContaining('2') });
    leaving.abort('gone');
    expect(await Promise.all(under)).toEqual(['gone', 'gone']);
    runner.behave = ({ id }) => answerOf(id, 'free');
    expect((await client.predict(model, row(4), soon)).value).toBe('free');
  });

  it('passes errors on as they are, and tells of memory that was refused', async () => {
    const { client, start, announce, notices } = testFleet();
    const runner = await start('one');
    const failing =
      (code: 'INPUT_NAME' | 'MODEL_RESOURCE') =>
      (asked: { id: number }): RunnerReply => ({
        id: asked.id,
        type: 'error',
        error: { code, message: 'no', violations: [{ path: 'x', message: 'no' }], facts: {}, retryAfterSeconds: 3 },
      });
    await announce([runner]);
    runner.behave = failing('INPUT_NAME');
    const error = await refusal(() => client.predict(model, row(1), soon));
    expect(error).toMatchObject({ code: 'INPUT_NAME', message: 'no', retryAfterSeconds: 3 });
    expect(error.violations).toEqual([{ path: 'x', message: 'no' }]);
    runner.behave = failing('MODEL_RESOURCE');
    expect((await refusal(() => client.load(model))).code).toBe('MODEL_RESOURCE');
    const strike = { type: 'strike', digest: model.digest, reason: 'memory' };
    await until(() => notices.some(({ type }) => type === 'strike'));
    expect(notices.filter(({ type }) => type === 'strike')).toEqual([strike]);
  });

  it('asks nothing of a model in quarantine, until it is released', async () => {
    const { client, start, announce, notices } = testFleet();
    const runner = await start('one');
    await announce([runner], [{ digest: model.digest, reason: 'timeout', since: 1 }]);
    const away = await refusal(() => client.predict(model, row(1), soon));
    expect(away).toMatchObject({ code: 'MODEL_QUARANTINED', message: expect.stringContaining('did not return') });
    expect(runner.heard).toEqual([]);
    client.release(model.digest);
    expect((await client.predict(model, row(1), soon)).value).toBe('one');
    await until(() => notices.some(({ type }) => type === 'release'));
    expect(notices).toContainEqual({ type: 'release', digest: model.digest });
  });

  it('takes nothing more once it is closed, and answers who waits', async () => {
    const { client, start, announce } = testFleet();
    const runner = await start('one');
    runner.behave = () => undefined;
    await announce([runner]);
    const waiting = refusal(() => client.predict(model, row(1), soon));
    await client.close();
    for (const error of [await waiting, await refusal(() => client.predict(model, row(1), soon))])
      expect(error).toMatchObject({ code: 'NOT_READY', message: expect.stringContaining('shutting down') });
  });
});

describe('the pictures that runners give of themselves', () => {
  const status = { models: [], runners: [], queues: { inFlight: 1, queued: 2, limit: 3 }, backends: {} };

  it('are put together; who does not answer is left out', async () => {
    const { client, start, announce } = testFleet();
    const [main, candidates] = [await start('one'), await start('two', { id: 'candidates', serves: 'candidates' })];
    let availabilities = 0;
    main.behave = ({ id, op }) => (op === 'status' ? { id, type: 'status', status } : undefined);
    candidates.behave = ({ id, op }) => {
      if (op !== 'availability') return undefined;
      availabilities += 1;
      return { id, type: 'availability', backends: { onnx: { available: true } } };
    };
    await announce([main, candidates]);
    for (let again = 0; again < 2; again++) {
      const seen = await client.status();
      expect(seen.queues).toEqual({ inFlight: 1, queued: 2, limit: 3 });
      expect(seen.backends).toEqual({ onnx: { available: true } });
      expect(seen.runners.map(({ id }) => id)).toEqual(['production', 'candidates']);
    }
    // Frameworks do not come and go.
    expect(availabilities).toBe(1);
  });

  it('are none while no runner is up', async () => {
    const { client } = testFleet();
    expect(await client.status()).toEqual({
      models: [],
      runners: [],
      queues: { inFlight: 0, queued: 0, limit: 0 },
      backends: {},
    });
  });

  it('and each is told what to forget', async () => {
    const { client, start, announce } = testFleet();
    const runners = [await start('one'), await start('two', { id: 'candidates', serves: 'candidates' })];
    for (const runner of runners) runner.behave = ({ id }) => ({ id, type: 'done' });
    await announce(runners);
    await client.unload('d');
    for (const { heard } of runners) expect(heard).toEqual([{ op: 'unload', id: expect.any(Number), digest: 'd' }]);
  });
});

describe('a runner that dies', () => {
  it('costs a bystander nothing: the next one answers', async () => {
    const { client, board, start, announce } = testFleet();
    const first = await start('one');
    first.behave = () => undefined;
    await announce([first]);
    const asked = client.predict(model, row(1), soon);
    await until(() => predictionsOf(first).length === 1);
    first.die();
    const second = await start('two');
    await announce([second]);
    board.post({ type: 'died', generation: 'one', culprit: 'f'.repeat(64), reason: 'crash' });
    expect((await asked).value).toBe('two');
    expect(predictionsOf(second)[0]).toMatchObject({ deadline: predictionsOf(first)[0]?.deadline });
  });

  it('by one of its models: that model goes on in the spare, and is named when it dies again', async () => {
    const { client, board, notices, start, announce } = testFleet();
    const main = await start('one');
    main.behave = () => undefined;
    await announce([main]);
    const asked = refusal(() => client.predict(model, row(1), soon));
    await until(() => predictionsOf(main).length === 1);
    main.die();
    const [next, spare] = [await start('two'), await start('spare', { id: 'production-spare', spare: true })];
    spare.behave = () => undefined;
    board.post({ type: 'died', generation: 'one', culprit: model.digest, reason: 'crash' });
    await until(() => notices.some(({ type }) => type === 'spare'));
    await announce([next, spare]);
    await until(() => predictionsOf(spare).length === 1);
    expect(predictionsOf(next)).toEqual([]);
    // Others stay where they were.
    expect((await client.predict(behavingModel('fixed'), row(1), soon)).value).toBe('two');
    spare.die();
    board.post({ type: 'died', generation: 'spare', culprit: model.digest, reason: 'crash' });
    expect((await asked).code).toBe('BACKEND_CRASHED');
  });
});

describe('a runner that is stuck on one model', () => {
  it('is left by all others for the spare, which is asked for', async () => {
    const { client, notices, start, announce } = testFleet();
    const main = await start('one');
    main.behave = () => undefined;
    await announce([main]);
    main.marker.begin(model.digest, 'run', monotonicMs());
    const slow = refusal(() => client.predict(model, row(1), soon));
    const other = client.predict(behavingModel('fixed'), row(1), soon);
    await until(() => notices.some(({ type }) => type === 'spare'));
    expect(notices.find(({ type }) => type === 'spare')).toEqual({ type: 'spare', serves: 'production' });
    const spare = await start('spare', { id: 'production-spare', spare: true });
    await announce([main, spare]);
    expect((await other).value).toBe('spare');
    expect(main.heard.at(-1)?.op).toBe('cancel');
    // New ones go there at once, those of the slow model do not.
    expect((await client.predict(behavingModel('picky'), row(1), soon)).value).toBe('spare');
    main.behave = ({ id }) => answerOf(id, 'one');
    expect((await client.predict(model, row(2), soon)).value).toBe('one');
    main.marker.end();
    await expect.poll(async () => (await client.predict(behavingModel('picky'), row(1), soon)).value).toBe('one');
    await client.close();
    expect((await slow).code).toBe('NOT_READY');
  });
});
