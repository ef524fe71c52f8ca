import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroupedPuts } from '../../src/store/grouped-puts.ts';

const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A table that commits all or nothing, refuses rows that say so, and remembers its commits. */
function table() {
  const commits: object[][] = [];
  const committed = new Set<object>();
  const puts = new GroupedPuts({
    most: 8,
    async commit(rows) {
      await soon();
      if (rows.some((row) => (row as { bad?: boolean }).bad)) throw new Error('bad row');
      commits.push([...rows]);
      for (const row of rows) committed.add(row);
    },
  });
  return { commits, committed, puts };
}

describe('puts', () => {
  it('wait for nobody when alone', async () => {
    const { commits, puts } = table();
    await puts.put({ id: 1 });
    await puts.put({ id: 2 });
    expect(commits).toEqual([[{ id: 1 }], [{ id: 2 }]]);
  });

  it('share a commit when they come while one is under way, up to a limit', async () => {
    const { commits, puts } = table();
    await Promise.all(Array.from({ length: 20 }, (_, id) => puts.put({ id })));
    expect(commits.map(({ length }) => length)).toEqual([1, 8, 8, 3]);
    expect(commits.flat()).toEqual(Array.from({ length: 20 }, (_, id) => ({ id })));
  });

  it('resolve only when their own row is committed, and a bad one fails alone', async () => {
    const arrival = fc.record({ bad: fc.boolean(), wait: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { maxLength: 40 }), async (arrivals) => {
        const { committed, puts } = table();
        await Promise.all(
          arrivals.map(async ({ bad, wait }, id) => {
            for (let i = 0; i < wait; i++) await soon();
            const row = { id, bad };
            const outcome = await puts.put(row).then(
              () => committed.has(row),
              () => 'refused',
            );
            expect(outcome).toBe(bad ? 'refused' : true);
          }),
        );
      }),
    );
  });
});
