import { describe, expect, it } from 'vitest';
import { importEvent } from '../../src/app/import-event.ts';
import { EventRecorder } from '../../src/monitoring/events/event-recorder.ts';
import { FeedbackDesk } from '../../src/monitoring/feedback/feedback.ts';
import { refusal } from '../support/codes.ts';
import { tinyRegistry } from '../support/tiny-registry.ts';

const dayMs = 86_400_000;

async function importer() {
  const { registry, register, store } = await tinyRegistry();
  const { model } = await register({ metadata: { taskType: 'classification' } });
  const now = () => 10 * dayMs;
  const feedback = new FeedbackDesk({ store, now, taskOf: async () => model.metadata });
  const recorder = new EventRecorder(store.events, (error) => expect.fail(String(error)));
  const take = (event: object) =>
    importEvent({ registry, recorder, feedback, now }, { modelName: 'iris', modelVersion: 'v1', ...event }, 'ann');
  return { store, model, take };
}

describe('importing an event', () => {
  it('keeps what is said and knows the model', async () => {
    const { store, model, take } = await importer();
    const said = { confidence: 0.5, latencyMs: 2, timestamp: 77, requestId: 'r', userId: 'u', sessionId: 's' };
    const id = await take({ ...said, features: { x: 1 }, prediction: { label: 'a', index: 0 } });
    expect(await store.events.get(id)).toMatchObject({
      ...said,
      id,
      digest: model.digest,
      framework: 'onnx',
      featuresIn: '{"x":1}',
      prediction: '{"label":"a","index":0}',
      errorCode: null,
      caller: 'ann',
    });
  });

  it('is judged when its outcome is known', async () => {
    const { store, take } = await importer();
    const id = await take({ prediction: { label: 'a', index: 0 }, outcome: 'a' });
    expect(await store.events.get(id)).toMatchObject({
      correct: true,
      correctSource: 'computed',
      actualOutcome: '"a"',
    });
  });

  it.each([0, 1, 10 * dayMs, 11 * dayMs])('may be of time %d', async (timestamp) => {
    const { store, take } = await importer();
    const [a, b] = [await take({ timestamp }), await take({ timestamp })];
    expect(a).not.toBe(b);
    expect((await store.events.get(a))?.timestamp).toBe(timestamp);
  });

  it('is of now unless said, and never more than a day ahead', async () => {
    const { store, take } = await importer();
    expect((await store.events.get(await take({})))?.timestamp).toBe(10 * dayMs);
    expect((await refusal(() => take({ timestamp: 11 * dayMs + 1 }))).code).toBe('INVALID_INPUT');
  });

  it('of an unknown version is refused', async () => {
    const { store, take } = await importer();
    expect((await refusal(() => take({ modelVersion: 'v2' }))).code).toBe('MODEL_NOT_FOUND');
    expect(await store.events.count()).toBe(0);
  });
});
