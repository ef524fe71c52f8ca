import { describe, expect, it } from 'vitest';
import { FeedbackDesk } from '../../../src/monitoring/feedback/feedback.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import type { EventRow } from '../../../src/store/rows.ts';
import { refusal } from '../../support/codes.ts';
import { event } from '../../support/events.ts';

const prediction = JSON.stringify({ label: 'setosa', index: 0 });
const right = { class: 'setosa' };
const wrong = { class: 'virginica' };

/** A desk over events of a classifier; its clock counts up from 100. */
async function deskOf(...rows: Partial<EventRow>[]) {
  const store = memoryStore();
  for (const row of rows) await store.events.put(event({ prediction, ...row }));
  let time = 100;
  const desk = new FeedbackDesk({
    store,
    now: () => time++,
    taskOf: async ({ modelName }) =>
      modelName === 'gone' ? undefined : { taskType: 'classification', labels: ['setosa', 'virginica'] },
  });
  return { desk, read: async (id = 'e') => (await store.events.get(id)) as EventRow };
}

describe('feedback', () => {
  it('is judged and merged, and the rest of the event stays', async () => {
    const { desk, read } = await deskOf({ id: 'e', featuresIn: '{"x":1}', latencyMs: 4 });
    const before = await read();
    expect(await desk.give({ inferenceId: 'e', outcome: wrong })).toEqual({
      inferenceId: 'e',
      correct: false,
      correctSource: 'computed',
    });
    const merged = {
      actualOutcome: JSON.stringify(wrong),
      feedbackTimestamp: 100,
      correct: false,
      correctSource: 'computed',
    };
    expect(await read()).toEqual({ ...before, ...merged });
  });

  it('takes the caller’s verdict over its own, and the caller’s time', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    expect(await desk.give({ inferenceId: 'e', outcome: wrong, correct: true, feedbackTimestamp: 7 })).toMatchObject({
      correct: true,
      correctSource: 'caller',
    });
    expect((await read()).feedbackTimestamp).toBe(7);
  });

  it.each<[string, Partial<EventRow>]>([
    ['a failed prediction', { prediction: null, errorCode: 'INTERNAL' }],
    ['a model that is gone', { modelName: 'gone' }],
  ])('is kept without a verdict for %s', async (_what, row) => {
    const { desk, read } = await deskOf({ id: 'e', ...row });
    expect(await desk.give({ inferenceId: 'e', outcome: right })).toMatchObject({ correct: null, correctSource: null });
    expect((await read()).actualOutcome).toBe(JSON.stringify(right));
  });

  it.each([null, false, 0, '', []])('may be that nothing happened: %j', async (outcome) => {
    const { desk, read } = await deskOf({ id: 'e' });
    await desk.give({ inferenceId: 'e', outcome });
    expect((await read()).actualOutcome).toBe(JSON.stringify(outcome));
    expect((await refusal(() => desk.give({ inferenceId: 'e', outcome: right }))).code).toBe('FEEDBACK_CONFLICT');
  });
});

describe('feedback given twice', () => {
  it('with the same outcome has one effect', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    const first = await desk.give({ inferenceId: 'e', outcome: { a: 1, b: 2 } });
    const once = await read();
    expect(await desk.give({ inferenceId: 'e', outcome: { b: 2, a: 1 } })).toEqual(first);
    expect(await read()).toEqual(once);
  });

  it('with the same verdict has one effect', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    const first = await desk.give({ inferenceId: 'e', correct: true });
    const once = await read();
    expect(once).toMatchObject({ actualOutcome: null, correct: true, correctSource: 'caller', feedbackTimestamp: 100 });
    expect(await desk.give({ inferenceId: 'e', correct: true })).toEqual(first);
    expect(await read()).toEqual(once);
  });

  it('that supersedes an outcome is judged anew, whatever a caller said of the one before', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    await desk.give({ inferenceId: 'e', outcome: right, correct: true });
    await desk.give({ inferenceId: 'e', outcome: wrong, supersedes: true });
    expect(await read()).toMatchObject({ correct: false, correctSource: 'computed' });
  });

  it('with another outcome is a conflict, unless it supersedes', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    await desk.give({ inferenceId: 'e', outcome: right });
    const once = await read();
    expect((await refusal(() => desk.give({ inferenceId: 'e', outcome: wrong }))).code).toBe('FEEDBACK_CONFLICT');
    expect(await read()).toEqual(once);
    expect(await desk.give({ inferenceId: 'e', outcome: wrong, supersedes: true })).toMatchObject({ correct: false });
    expect((await read()).actualOutcome).toBe(JSON.stringify(wrong));
  });

  it('with the opposite verdict is a conflict, with or without the outcome', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    await desk.give({ inferenceId: 'e', outcome: right, correct: true });
    const once = await read();
    for (const outcome of [right, undefined]) {
      expect((await refusal(() => desk.give({ inferenceId: 'e', outcome, correct: false }))).code).toBe(
        'FEEDBACK_CONFLICT',
      );
    }
    expect(await read()).toEqual(once);
  });

  it('may add the verdict, then the outcome, or the other way round', async () => {
    const { desk, read } = await deskOf({ id: 'e', modelName: 'gone' }, { id: 'f', modelName: 'gone' });
    await desk.give({ inferenceId: 'e', correct: true });
    await desk.give({ inferenceId: 'e', outcome: wrong });
    await desk.give({ inferenceId: 'f', outcome: wrong });
    await desk.give({ inferenceId: 'f', outcome: wrong, correct: true });
    for (const id of ['e', 'f']) {
      expect(await read(id)).toMatchObject({
        correct: true,
        correctSource: 'caller',
        actualOutcome: JSON.stringify(wrong),
      });
    }
  });

  it('by twenty at once: one outcome wins, those who said otherwise hear of it', async () => {
    const { desk, read } = await deskOf({ id: 'e' });
    const outcomes = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? right : wrong));
    const results = await Promise.allSettled(outcomes.map((outcome) => desk.give({ inferenceId: 'e', outcome })));
    expect(results.map(({ status }) => status)).toEqual(
      outcomes.map((outcome) => (outcome === right ? 'fulfilled' : 'rejected')),
    );
    expect(await read()).toMatchObject({ correct: true, feedbackTimestamp: 100 });
  });
});

describe('whose event it is', () => {
  it('does not matter unless asked for; events of others do not exist', async () => {
    const { desk } = await deskOf({ id: 'e', caller: 'ann' });
    expect((await refusal(() => desk.give({ inferenceId: 'e', outcome: right }, 'bob'))).code).toBe('EVENT_NOT_FOUND');
    expect(await desk.give({ inferenceId: 'e', outcome: right }, 'ann')).toMatchObject({ correct: true });
    expect(await desk.give({ inferenceId: 'e', outcome: right })).toMatchObject({ correct: true });
  });

  it('a request means its newest event that the caller may see', async () => {
    const { desk } = await deskOf(
      { id: 'a', requestId: 'r', timestamp: 1, caller: 'ann' },
      { id: 'b', requestId: 'r', timestamp: 3, caller: 'ann' },
      { id: 'c', requestId: 'r', timestamp: 3, caller: 'ann' },
      { id: 'd', requestId: 'r', timestamp: 9, caller: 'bob' },
    );
    expect((await desk.give({ requestId: 'r', outcome: right }, 'ann')).inferenceId).toBe('c');
    expect((await desk.give({ requestId: 'r', outcome: right })).inferenceId).toBe('d');
    expect((await refusal(() => desk.give({ requestId: 'r', outcome: right }, 'eve'))).code).toBe('EVENT_NOT_FOUND');
  });

  it('is found in whatever order the events are read', async () => {
    const { desk } = await deskOf(
      { id: 'a', requestId: 'r', timestamp: 9 },
      { id: 'b', requestId: 'r', timestamp: 3 },
      { id: 'c', requestId: 'r', timestamp: 8 },
      { id: 'd', requestId: 's', timestamp: 20 },
    );
    expect((await desk.give({ requestId: 'r', outcome: right })).inferenceId).toBe('a');
  });

  it('must be said somehow, and the refusal names the field', async () => {
    const { desk } = await deskOf({ id: 'e' });
    const error = await refusal(() => desk.give({ outcome: right }));
    expect(error.violations).toEqual([{ path: 'inferenceId', message: 'expected inferenceId or requestId' }]);
    expect((await refusal(() => desk.give({ inferenceId: 'x'.repeat(500) }))).message.length).toBeLessThan(300);
  });

  it.each([
    ['EVENT_NOT_FOUND', { inferenceId: 'none', outcome: right }],
    ['EVENT_NOT_FOUND', { requestId: 'none', outcome: right }],
    ['INVALID_INPUT', { outcome: right }],
  ])('%s for %j', async (code, feedback) => {
    const { desk } = await deskOf({ id: 'e' });
    expect((await refusal(() => desk.give(feedback))).code).toBe(code);
  });
});
