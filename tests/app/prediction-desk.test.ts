import { describe, expect, it, vi } from 'vitest';
import { PredictionDesk } from '../../src/app/prediction-desk.ts';
import type { VersionRouter } from '../../src/deployment/version-router.ts';
import { AppError } from '../../src/errors.ts';
import { EventRecorder } from '../../src/monitoring/events/event-recorder.ts';
import type { Model } from '../../src/registry/model.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { refusal } from '../support/codes.ts';
import { model } from '../support/models.ts';

const asker = { caller: 'ann', requestId: 'r1', userId: 'u1' };
const question = { modelName: 'iris', features: { x: [1, 2] } };
const answer = {
  recorded: '{"label":"a"}',
  confidence: 0.9,
  latencyMs: 4,
  computeMs: 3,
  promptTokens: 2,
  more: 'kept',
};

/** A desk whose clock ticks once a reading. */
function deskOf(resolved: Model | AppError = model(), ...later: Model[]) {
  const store = memoryStore();
  const log = vi.fn();
  let [ticks, made] = [0, 0];
  const router = {
    async resolve() {
      if (resolved instanceof AppError) throw resolved;
      return resolved;
    },
    forget() {
      resolved = later.shift() ?? resolved;
    },
  } as unknown as VersionRouter;
  const recorder = new EventRecorder(store.events, vi.fn());
  const desk = new PredictionDesk({
    router,
    recorder,
    log,
    now: () => 500,
    elapsed: () => ticks++,
    newId: () => `id-${++made}`,
  });
  return { desk, log, events: store.events };
}

describe('a prediction', () => {
  it('leaves one event with what was asked and answered', async () => {
    const { desk, events } = deskOf();
    const told = await desk.ask(question, asker, async () => answer);
    expect(told).toMatchObject({ inferenceId: 'id-1', model: { id: 'iris:v1' }, answer, recordMs: 1 });
    expect(await events.count()).toBe(1);
    expect(await events.get('id-1')).toEqual({
      id: 'id-1',
      timestamp: 500,
      modelName: 'iris',
      modelVersion: 'v1',
      framework: 'onnx',
      requestId: 'r1',
      userId: 'u1',
      sessionId: null,
      featuresIn: '{"x":[1,2]}',
      prediction: '{"label":"a"}',
      confidence: 0.9,
      latencyMs: 4,
      actualOutcome: null,
      feedbackTimestamp: null,
      correct: null,
      correctSource: null,
      digest: model().digest,
      errorCode: null,
      variant: null,
      promptTokens: 2,
      completionTokens: null,
      computeMs: 3,
      caller: 'ann',
    });
  });

  it('that fails leaves one too, and its error says which', async () => {
    const { desk, events, log } = deskOf();
    const cause = new AppError('INPUT_SHAPE', 'wrong', {
      violations: [{ path: 'x', message: 'm' }],
      retryAfterSeconds: 3,
      facts: { more: 1 },
    });
    const error = await refusal(() => desk.ask(question, asker, () => Promise.reject(cause)));
    expect(error).toMatchObject({
      code: 'INPUT_SHAPE',
      message: 'wrong',
      violations: cause.violations,
      retryAfterSeconds: 3,
      facts: { more: 1, inferenceId: 'id-1' },
      cause,
    });
    expect(await events.get('id-1')).toMatchObject({
      errorCode: 'INPUT_SHAPE',
      modelVersion: 'v1',
      prediction: null,
      latencyMs: 1,
      featuresIn: '{"x":[1,2]}',
    });
    expect(log).not.toHaveBeenCalled();
  });

  it('that breaks tells nothing of why, but the log does', async () => {
    const { desk, events, log } = deskOf();
    const cause = new TypeError('secret path /x');
    const error = await refusal(() => desk.ask(question, asker, () => Promise.reject(cause)));
    expect(error.code).toBe('INTERNAL');
    expect(error.message).not.toContain('secret');
    expect(log).toHaveBeenCalledExactlyOnceWith('error', expect.stringContaining('id-1'), cause);
    expect(await events.get('id-1')).toMatchObject({ errorCode: 'INTERNAL' });
  });

  it('of an unknown version is recorded with what was asked for', async () => {
    const { desk, events } = deskOf(new AppError('MODEL_NOT_FOUND', 'none'));
    const error = await refusal(() => desk.ask({ ...question, modelVersion: 'v9' }, asker, async () => answer));
    expect(error.code).toBe('MODEL_NOT_FOUND');
    expect(await events.get('id-1')).toMatchObject({
      modelVersion: 'v9',
      framework: null,
      digest: null,
      errorCode: 'MODEL_NOT_FOUND',
    });
  });

  it('of a model that records nothing leaves nothing, right or wrong', async () => {
    const { desk, events } = deskOf(model({ metadata: { serving: { recording: 'off' } } }));
    expect((await desk.ask(question, asker, async () => answer)).inferenceId).toBe('id-1');
    await refusal(() => desk.ask(question, asker, () => Promise.reject(new AppError('INPUT_NAME', 'no'))));
    expect(await events.count()).toBe(0);
  });

  it('without features has none in its event', async () => {
    const { desk, events } = deskOf();
    await desk.recordFailure(
      new AppError('INVALID_INPUT', 'no features'),
      { modelName: 'iris', features: undefined },
      asker,
    );
    expect(await events.get('id-1')).toMatchObject({ featuresIn: null, latencyMs: 0, errorCode: 'INVALID_INPUT' });
  });
});

describe('a version that is deleted while it is asked', () => {
  const notFound = new AppError('MODEL_NOT_FOUND', 'deleted on the way');
  const [first, second] = [model(), model({ id: 'iris:v2', modelVersion: 'v2' })];
  const answerOf = async ({ id }: Model) => {
    if (id === first.id) throw notFound;
    return answer;
  };

  it('leaves the question to the next one when none was named', async () => {
    const { desk, events } = deskOf(first, second);
    expect(await desk.ask(question, asker, answerOf)).toMatchObject({ model: { id: 'iris:v2' } });
    expect(await events.get('id-1')).toMatchObject({ modelVersion: 'v2', errorCode: null });
  });

  it('is not found when it was named, was chosen for many questions, or nobody is left', async () => {
    const asked = [
      { ...question, modelVersion: 'v1' },
      { ...question, model: first },
    ];
    for (const one of asked) {
      const error = await refusal(() => deskOf(first, second).desk.ask(one, asker, answerOf));
      expect(error.code).toBe('MODEL_NOT_FOUND');
    }
    const asks = vi.fn(answerOf);
    expect((await refusal(() => deskOf(first).desk.ask(question, asker, asks))).code).toBe('MODEL_NOT_FOUND');
    expect(asks).toHaveBeenCalledTimes(1);
  });

  it('is the only failure that another version is asked for', async () => {
    const asks = vi.fn(async () => {
      throw new AppError('INPUT_SHAPE', 'wrong');
    });
    expect((await refusal(() => deskOf(first, second).desk.ask(question, asker, asks))).code).toBe('INPUT_SHAPE');
    expect(asks).toHaveBeenCalledTimes(1);
  });
});
