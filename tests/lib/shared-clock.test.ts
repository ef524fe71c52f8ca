import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { SharedClock, sharedClockBytes } from '../../src/lib/shared-clock.ts';

describe('a clock that threads share', () => {
  it('goes on with the time', () => {
    let now = 1_763_000_000_000;
    const clock = new SharedClock(new SharedArrayBuffer(sharedClockBytes), () => now);
    expect(clock.next()).toBe(now);
    now += 0.5;
    expect(clock.next()).toBe(now);
  });

  it('never gives a time twice, nor an earlier one when it is set back', () => {
    const times = [5, 5, 5, 4, 1, 6, 6, 2];
    const clock = new SharedClock(new SharedArrayBuffer(sharedClockBytes), () => times.shift() ?? 0);
    const given = Array.from({ length: 8 }, () => clock.next());
    expect(given).toEqual([...new Set(given)].toSorted((a, b) => a - b));
    expect(given[0]).toBe(5);
    expect(given[5]).toBe(6);
  });

  it('is one for all threads', async () => {
    const memory = new SharedArrayBuffer(sharedClockBytes);
    const module = new URL('../../dist/src/lib/shared-clock.js', import.meta.url).href;
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { SharedClock } = await import(${JSON.stringify(module)});
      const clock = new SharedClock(workerData, () => 1_763_000_000_000);
      parentPort.postMessage(Array.from({ length: 20_000 }, () => clock.next()));`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const lists = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise<number[]>((resolve, reject) =>
            new Worker(url, { workerData: memory }).once('message', resolve).once('error', reject),
          ),
      ),
    );
    for (const list of lists) expect(list).toEqual(list.toSorted((a, b) => a - b));
    expect(new Set(lists.flat()).size).toBe(60_000);
  });
});
