import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ModelCache } from '../../../src/inference/model-cache.ts';

class Model {
  disposed = 0;
  readonly key: string;
  readonly memoryBytes: number;

  constructor(key: string, memoryBytes = 1) {
    this.key = key;
    this.memoryBytes = memoryBytes;
  }

  async dispose(): Promise<void> {
    this.disposed += 1;
  }
}

const newCache = (maxModels = 2, maxBytes = 100) => new ModelCache<Model>({ maxModels, maxBytes });
const loader =
  (key: string, bytes = 1) =>
  async () =>
    new Model(key, bytes);

describe('ModelCache', () => {
  it('shares one load between all who ask while it runs', async () => {
    const cache = newCache();
    const load = vi.fn(loader('a'));
    const leases = await Promise.all(Array.from({ length: 10_000 }, () => cache.acquire('a', load)));
    expect(load).toHaveBeenCalledTimes(1);
    expect(new Set(leases.map(({ model }) => model)).size).toBe(1);
    expect([...cache.entries()].map(({ users }) => users)).toEqual([10_000]);
  });

  it('gives a failure to all who waited, and loads again for the next', async () => {
    const cache = newCache();
    const load = vi.fn(async (): Promise<Model> => {
      throw new Error('no');
    });
    const settled = await Promise.allSettled([cache.acquire('a', load), cache.acquire('a', load)]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(load).toHaveBeenCalledTimes(1);
    expect((await cache.acquire('a', loader('a'))).model.key).toBe('a');
  });

  it('P16: disposes an evicted model after its last user', async () => {
    const cache = newCache(1);
    const [first, second] = [await cache.acquire('a', loader('a')), await cache.acquire('a', loader('a'))];
    await cache.acquire('b', loader('b'));
    first.release();
    first.release();
    expect(first.model.disposed).toBe(0);
    second.release();
    expect(first.model.disposed).toBe(1);
  });

  it('evicts by bytes, the least recently used first', async () => {
    const cache = newCache(10, 100);
    const leases = [await cache.acquire('a', loader('a', 40)), await cache.acquire('b', loader('b', 40))];
    for (const lease of leases) lease.release();
    cache.tryAcquire('a')?.release();
    (await cache.acquire('c', loader('c', 40))).release();
    expect([...cache.entries()].map(({ key }) => key).sort()).toEqual(['a', 'c']);
    expect(leases.map(({ model }) => model.disposed)).toEqual([0, 1]);
  });

  it('serves a model beyond the whole budget to all who wait, then disposes it', async () => {
    const cache = newCache(10, 100);
    (await cache.acquire('small', loader('small'))).release();
    const leases = await Promise.all([1, 2, 3].map(() => cache.acquire('big', loader('big', 101))));
    expect(new Set(leases.map(({ model }) => model)).size).toBe(1);
    leases[0]?.release();
    leases[1]?.release();
    expect(leases[2]?.model.disposed).toBe(0);
    leases[2]?.release();
    expect(leases[2]?.model.disposed).toBe(1);
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['small']);
  });

  it('forgets a model that is still being loaded: those who wait get it, nobody else does', async () => {
    const cache = newCache();
    const waiting = cache.acquire('a', loader('a'));
    cache.forget((key) => key === 'a');
    const lease = await waiting;
    expect(cache.tryAcquire('a')).toBeUndefined();
    expect(lease.model.disposed).toBe(0);
    lease.release();
    expect(lease.model.disposed).toBe(1);
  });

  it('never disposes what is in use, and in the end disposes all it let go of', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), hold: fc.nat(4), forget: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const cache = newCache(2, 3);
        const made: Model[] = [];
        await Promise.all(
          steps.map(async ({ key, hold, forget }, index) => {
            for (let i = 0; i < index % 5; i++) await Promise.resolve();
            const lease = await cache.acquire(key, async () => {
              await Promise.resolve();
              const model = new Model(key, key === 'd' ? 9 : 1);
              made.push(model);
              return model;
            });
            if (forget) cache.forget((one) => one === key);
            for (let i = 0; i < hold; i++) {
              expect(lease.model.disposed).toBe(0);
              await Promise.resolve();
            }
            lease.release();
          }),
        );
        const kept = new Set([...cache.entries()].map(({ model }) => model));
        expect(made.map((model) => model.disposed)).toEqual(made.map((model) => (kept.has(model) ? 0 : 1)));
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});
