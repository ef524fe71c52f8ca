import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedBuckets } from '../../src/lib/shared-buckets.ts';

function make({ perSecond = 10, burst = 10, keys = 64 } = {}) {
  let now = 5_000_000;
  const memory = new SharedArrayBuffer(SharedBuckets.bytes(keys));
  const buckets = new SharedBuckets(memory, { perSecond, burst }, () => now);
  return { buckets, memory, pass: (ms: number) => void (now += ms) };
}
const drawn = (buckets: SharedBuckets, key: string, times: number) =>
  Array.from({ length: times }, () => buckets.draw(key)).filter(({ allowed }) => allowed).length;

describe('a bucket', () => {
  it('gives its burst, then as many as time brings', () => {
    const { buckets, pass } = make();
    expect(drawn(buckets, 'a', 25)).toBe(10);
    expect(buckets.draw('a')).toMatchObject({ allowed: false, remaining: 0, waitMs: 100, fullMs: 1_000 });
    pass(99);
    expect(drawn(buckets, 'a', 5)).toBe(0);
    pass(1);
    expect(drawn(buckets, 'a', 5)).toBe(1);
    pass(250);
    expect(drawn(buckets, 'a', 5)).toBe(2);
    pass(3_600_000);
    expect(drawn(buckets, 'a', 25)).toBe(10);
  });

  it('says how many are left', () => {
    const { buckets } = make({ perSecond: 3, burst: 3 });
    expect([0, 1, 2, 3].map(() => buckets.draw('a').remaining)).toEqual([2, 1, 0, 0]);
    expect(buckets.look('b')).toEqual({ allowed: true, remaining: 3, waitMs: 0, fullMs: 0 });
  });

  it('owes what it was charged beyond its depth, up to a bound', () => {
    const { buckets, pass } = make();
    for (let i = 0; i < 15; i++) buckets.charge('a');
    expect(buckets.look('a')).toMatchObject({ remaining: 0, waitMs: 600 });
    pass(500);
    expect(buckets.draw('a').allowed).toBe(false);
    pass(101);
    expect(buckets.draw('a').allowed).toBe(true);
    for (let i = 0; i < 1_000; i++) buckets.charge('b');
    expect(buckets.look('b').fullMs).toBeLessThanOrEqual(10_000);
  });

  it('has nothing to do with another key’s', () => {
    const { buckets } = make();
    expect(drawn(buckets, 'a', 20)).toBe(10);
    expect(drawn(buckets, 'b', 20)).toBe(10);
    expect(drawn(buckets, 'a', 20)).toBe(0);
  });

  it('allows in any stretch of time no more than burst and rate', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 400 }), times: fc.integer({ min: 0, max: 12 }) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, perSecond, burst) => {
          const { buckets, pass } = make({ perSecond, burst });
          const history: { at: number; count: number }[] = [];
          let at = 0;
          for (const { wait, times } of steps) {
            pass(wait);
            at += wait;
            history.push({ at, count: drawn(buckets, 'k', times) });
          }
          for (let from = 0; from < history.length; from++) {
            let sum = 0;
            for (let to = from; to < history.length; to++) {
              sum += history[to]?.count ?? 0;
              const seconds = ((history[to]?.at ?? 0) - (history[from]?.at ?? 0)) / 1_000;
              expect(sum).toBeLessThanOrEqual(burst + seconds * perSecond + 0.001);
            }
          }
        },
      ),
    );
  });
});

describe('the memory', () => {
  it('keeps who is at its limit while thousands of others pass by', () => {
    const { buckets, pass } = make({ keys: 64 });
    let allowed = drawn(buckets, 'busy', 10);
    for (let other = 0; other < 5_000; other++) {
      pass(200);
      buckets.draw(`other ${other}`);
      allowed += drawn(buckets, 'busy', 5);
    }
    // 1,000 seconds at 10 a second, and the first ten.
    expect(allowed).toBeLessThanOrEqual(10_010);
    expect(allowed).toBeGreaterThan(9_900);
  });

  it('is shared exactly by threads that draw at once', async () => {
    const tokens = 20_000;
    const memory = new SharedArrayBuffer(SharedBuckets.bytes(64));
    const start = new SharedArrayBuffer(4);
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      import { SharedBuckets } from ${JSON.stringify(new URL('../../dist/src/lib/shared-buckets.js', import.meta.url).href)};
      const { memory, start, tokens } = workerData;
      const buckets = new SharedBuckets(memory, { perSecond: 0.001, burst: tokens }, () => 1_000);
      parentPort.postMessage('ready');
      Atomics.wait(new Int32Array(start), 0, 0);
      let allowed = 0;
      for (let i = 0; i < tokens; i++) if (buckets.draw('one caller').allowed) allowed++;
      parentPort.postMessage(allowed);`;
    const workers = Array.from(
      { length: 4 },
      () =>
        new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
          workerData: { memory, start, tokens },
        }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const counts = workers.map((worker) => once(worker, 'message'));
    Atomics.store(new Int32Array(start), 0, 1);
    Atomics.notify(new Int32Array(start), 0);
    const allowed = (await Promise.all(counts)).flat().map(Number);
    expect(allowed.reduce((sum, count) => sum + count)).toBe(tokens);
    expect(allowed.filter((count) => count > 0).length).toBeGreaterThan(1);
  });
});
