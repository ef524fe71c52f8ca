import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventFilter, findEvents } from '../../../src/monitoring/events/event-query.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import type { EventRow } from '../../../src/store/rows.ts';
import { refusal } from '../../support/codes.ts';
import { event } from '../../support/events.ts';

async function tableOf(rows: readonly EventRow[]) {
  const { events } = memoryStore();
  for (const row of rows) await events.put(row);
  return events;
}

async function walk(table: Awaited<ReturnType<typeof tableOf>>, filter: EventFilter, limit: number) {
  const pages: EventRow[][] = [];
  let cursor: string | undefined;
  do {
    const page = await findEvents(table, filter, limit, cursor);
    pages.push([...page.events]);
    cursor = page.nextCursor;
  } while (cursor !== undefined && pages.length < 1000);
  return pages;
}

/** Few times and few ids, so that many events share a millisecond. */
const rows = fc
  .uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[0-9a-f]{1,4}$/),
      timestamp: fc.integer({ min: 0, max: 4 }),
      fed: fc.boolean(),
    }),
    {
      selector: ({ id }) => id,
      maxLength: 40,
    },
  )
  .map((some) => some.map(({ id, timestamp, fed }) => event({ id, timestamp, feedbackTimestamp: fed ? 1 : null })));

const newestFirst = (a: EventRow, b: EventRow) => b.timestamp - a.timestamp || (a.id < b.id ? 1 : -1);

describe('pages of events', () => {
  it('together show every event once, newest first, however many share a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(undefined, true, false),
        async (all, limit, hasFeedback) => {
          const pages = await walk(await tableOf(all), { hasFeedback }, limit);
          const wanted = all.filter(
            (row) => hasFeedback === undefined || hasFeedback === (row.feedbackTimestamp !== null),
          );
          expect(pages.flat().map(({ id }) => id)).toEqual(wanted.sort(newestFirst).map(({ id }) => id));
          expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
          expect(pages.length).toBe(Math.max(1, Math.ceil(wanted.length / limit)));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('neither repeat nor hide events when new ones come meanwhile', async () => {
    const old = Array.from({ length: 6 }, (_, index) => event({ id: `old-${index}`, timestamp: 5 }));
    const table = await tableOf(old);
    const first = await findEvents(table, {}, 3);
    await table.put(event({ id: 'new', timestamp: 9 }));
    const second = await findEvents(table, {}, 3, first.nextCursor);
    expect([...first.events, ...second.events].map(({ id }) => id)).toEqual(old.map(({ id }) => id).reverse());
    expect(second.nextCursor).toBeUndefined();
  });

  it.each([
    '',
    'x',
    'MTIz',
    Buffer.from('12:').toString('base64url'),
    Buffer.from('-5:a').toString('base64url'),
    Buffer.from('1e3:a').toString('base64url'),
  ])('cursor %j was never given', async (cursor) =>
    expect((await refusal(async () => findEvents(await tableOf([]), {}, 1, cursor))).code).toBe('INVALID_INPUT'),
  );
});

describe('filters', () => {
  const all = [
    event({ id: 'a', timestamp: 10, userId: 'u1', sessionId: 's1', requestId: 'r1' }),
    event({ id: 'b', timestamp: 20, modelVersion: 'v2', errorCode: 'INPUT_SHAPE', caller: 'bob' }),
    event({ id: 'c', timestamp: 30, modelName: 'wine', variant: 'canary', feedbackTimestamp: 0 }),
  ];

  it.each<[EventFilter, string]>([
    [{}, 'cba'],
    [{ modelName: 'iris' }, 'ba'],
    [{ modelName: 'iris', modelVersion: 'v1' }, 'a'],
    [{ userId: 'u1' }, 'a'],
    [{ sessionId: 's1' }, 'a'],
    [{ requestId: 'r1' }, 'a'],
    [{ errorCode: 'INPUT_SHAPE' }, 'b'],
    [{ variant: 'canary' }, 'c'],
    [{ caller: 'bob' }, 'b'],
    [{ caller: 'bob', modelName: 'wine' }, ''],
    [{ hasFeedback: true }, 'c'],
    [{ hasFeedback: false }, 'ba'],
    [{ from: 20 }, 'cb'],
    [{ to: 20 }, 'a'],
    [{ from: 10, to: 30 }, 'ba'],
    [{ from: 20, to: 20 }, ''],
  ])('%j finds %s', async (filter, ids) => {
    const { events } = await findEvents(await tableOf(all), filter, 10);
    expect(events.map(({ id }) => id).join('')).toBe(ids);
  });
});
