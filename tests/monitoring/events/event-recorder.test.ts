import { describe, expect, it, vi } from 'vitest';
import { EventRecorder } from '../../../src/monitoring/events/event-recorder.ts';
import { eventView } from '../../../src/monitoring/events/event-view.ts';
import type { EventRow } from '../../../src/store/rows.ts';
import type { Table } from '../../../src/store/store.ts';
import { event } from '../../support/events.ts';

/** A table whose writes end when the test says so. */
function slowTable() {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const put = vi.fn(() => new Promise<void>((resolve, reject) => ends.push({ resolve, reject })));
  return { table: { put } as unknown as Table<EventRow>, put, ends };
}

const isSettled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);

describe('recording an event', () => {
  it('durable waits for the commit, also when nothing is said', async () => {
    for (const recording of ['durable', undefined] as const) {
      const { table, ends } = slowTable();
      const recorded = new EventRecorder(table, vi.fn()).record(event(), recording);
      expect(await isSettled(recorded)).toBe(false);
      ends[0]?.resolve();
      expect(await isSettled(recorded)).toBe(true);
    }
  });

  it('durable passes a failed write on', async () => {
    const { table, ends } = slowTable();
    const lost = vi.fn();
    const recorded = new EventRecorder(table, lost).record(event());
    ends[0]?.reject(new Error('disk full'));
    await expect(recorded).rejects.toThrow('disk full');
    expect(lost).not.toHaveBeenCalled();
  });

  it('buffered does not wait, but closing does', async () => {
    const { table, ends } = slowTable();
    const recorder = new EventRecorder(table, vi.fn());
    await recorder.record(event(), 'buffered');
    const closed = recorder.close();
    expect(await isSettled(closed)).toBe(false);
    ends[0]?.resolve();
    expect(await isSettled(closed)).toBe(true);
  });

  it('buffered tells of a lost event', async () => {
    const { table, ends } = slowTable();
    const lost = vi.fn();
    const recorder = new EventRecorder(table, lost);
    await recorder.record(event(), 'buffered');
    const error = new Error('disk full');
    ends[0]?.reject(error);
    await recorder.close();
    expect(lost).toHaveBeenCalledExactlyOnceWith(error);
  });

  it('off writes nothing', async () => {
    const { table, put } = slowTable();
    await new EventRecorder(table, vi.fn()).record(event(), 'off');
    expect(put).not.toHaveBeenCalled();
  });
});

describe('the view of an event', () => {
  it('parses the fields that hold JSON and leaves the others', () => {
    const row = event({ featuresIn: '{"x":[1]}', prediction: '"a"', actualOutcome: 'null', userId: '{"not":"json"}' });
    expect(eventView(row)).toEqual({ ...row, featuresIn: { x: [1] }, prediction: 'a', actualOutcome: null });
    expect(eventView(event()).prediction).toBeNull();
  });
});
