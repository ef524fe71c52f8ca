import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { tables } from 'harperdb';
import { partOf } from '../lib/part-of.ts';
import { SharedClock, sharedClockBytes } from '../lib/shared-clock.ts';
import { GroupedPuts } from './grouped-puts.ts';
import { eventAttributes, jobAttributes, type ModelRow, modelAttributes, retiredVersionAttributes } from './rows.ts';
import { writing } from './storage-full.ts';
import type { ModelTable, Query, Store, Table } from './store.ts';

// Harper's own types describe another argument order and miss its globals, so the little we use is stated here.
interface HarperTable {
  get(id: string): Promise<Record<string, unknown> | undefined>;
  put(record: unknown, transaction: unknown): Promise<unknown>;
  patch(id: string, part: unknown, transaction: unknown): Promise<unknown>;
  delete(id: string, transaction: unknown): Promise<unknown>;
  search(query: unknown): AsyncIterable<Record<string, unknown>>;
  getRecordCount(options?: { exactCount: boolean }): Promise<{ recordCount: number }>;
  primaryStore: {
    attemptLock(key: string, version: number, wake: () => void): boolean;
    unlock(key: string, version: number): void;
    getUserSharedBuffer(key: string, initial: ArrayBuffer): ArrayBuffer;
  };
}
interface HarperBlob {
  readonly size: number;
  stream(): ReadableStream | Readable;
}
/** Harper's global: the work's writes are committed together, as of `timestamp`, when it resolves. */
declare function transaction(
  context: { timestamp: number },
  work: (transaction: unknown) => Promise<unknown>,
): Promise<unknown>;
declare function createBlob(
  source: unknown,
  options: { type: string; size: number; saveBeforeCommit: boolean },
): HarperBlob;

/** The tables of `schema.graphql` behind the persistence port. */
export function harperStore(): Store {
  const all = tables as unknown as Record<string, HarperTable>;
  const models = named(all, 'Model');
  const commit = commits();
  return {
    models: modelTable(models, commit),
    events: tableOf(named(all, 'InferenceEvent'), eventAttributes, commit),
    retired: tableOf(named(all, 'RetiredVersion'), retiredVersionAttributes, commit),
    jobs: tableOf(named(all, 'Job'), jobAttributes, commit),
    withLock: (key, work) => withLock(models, `ai-ops:${key}`, work),
  };
}

/**
 * Commits writes at a time of the clock that all threads share. Harper keeps the write with the later time and each of
 * its threads has a clock of its own: a write that follows another on a thread whose clock is behind would be dropped.
 */
type Commit = (work: (transaction: unknown) => Promise<unknown>) => Promise<unknown>;

function commits(): Commit {
  const clock = new SharedClock(sharedMemory('clock', sharedClockBytes), Date.now);
  return (work) => transaction({ timestamp: clock.next() }, work);
}

/** Memory of this process that all its threads share by name, zeroed at first; it lasts as long as the process. */
export function sharedMemory(name: string, bytes: number): ArrayBuffer {
  const { primaryStore } = named(tables as unknown as Record<string, HarperTable>, 'Model');
  return primaryStore.getUserSharedBuffer(`ai-ops:${name}`, new ArrayBuffer(bytes));
}

function named(all: Record<string, HarperTable>, name: string): HarperTable {
  const table = all[name];
  if (!table)
    throw new Error(`Harper has no table ${name}: is schema.graphql named in config.yaml before the resources?`);
  return table;
}

function tableOf<Row extends { readonly id: string }>(
  table: HarperTable,
  attributes: readonly (keyof Row & string)[],
  commit: Commit,
): Table<Row> {
  const puts = new GroupedPuts({
    commit: (rows) => commit((together) => Promise.all(rows.map((row) => table.put(withoutNulls(row), together)))),
  });
  return {
    async get(id) {
      if (!isKey(id)) return undefined;
      const record = await table.get(id);
      return record && plainRow<Row>(record, attributes);
    },
    put: (row) => writing(() => puts.put(row)),
    async patch(id, part) {
      await writing(() => commit((alone) => table.patch(id, part, alone)));
    },
    async delete(id) {
      await writing(() => commit((alone) => table.delete(id, alone)));
    },
    async *query(query) {
      const wanted = query.select ?? attributes;
      for await (const record of table.search(harperQuery(query, wanted))) yield plainRow<Row>(record, wanted);
    },
    async count() {
      return (await table.getRecordCount({ exactCount: true })).recordCount;
    },
  };
}

/** LMDB takes keys of 1,978 bytes; ours are far shorter, so no record has a longer one. */
const isKey = (id: string): boolean => Buffer.byteLength(id) <= 1024;

/**
 * A copy with own properties: Harper decodes attributes lazily behind accessors, and may hand out a shared
 * instance that a later patch changes.
 */
function plainRow<Row>(record: Record<string, unknown>, attributes: readonly (keyof Row & string)[]): Row {
  const row: Record<string, unknown> = {};
  for (const attribute of attributes) row[attribute] = record[attribute] ?? null;
  return row as Row;
}

/** Harper would index a null; an attribute that is not there reads as null just the same, and costs nothing. */
const withoutNulls = (row: object): object =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));

function modelTable(table: HarperTable, commit: Commit): ModelTable {
  return {
    ...tableOf<ModelRow>(table, modelAttributes, commit),
    async put() {
      throw new Error('A model is stored with its bytes: use putWithBytes, or patch to change attributes.');
    },
    async putWithBytes(row, file) {
      // Without saveBeforeCommit Harper acknowledges the record before the bytes are on disk.
      const source = createReadStream(file.path);
      const modelBlob = createBlob(source, {
        type: 'application/octet-stream',
        size: file.size,
        saveBeforeCommit: true,
      });
      await writing(() => commit((alone) => table.put({ ...row, modelBlob }, alone)));
    },
    async bytes(id) {
      const blob = (await table.get(id))?.modelBlob as HarperBlob | undefined;
      if (!blob) return undefined;
      return {
        size: blob.size,
        stream(start = 0, end = blob.size) {
          const stream = blob.stream();
          const whole = stream instanceof Readable ? stream : Readable.fromWeb(stream as never);
          // Not blob.slice(): beyond the first 256 kB Harper 4.7 counts the 8 bytes of its file's head as ours.
          return start === 0 && end === blob.size ? whole : partOf(whole, start, end);
        },
      };
    },
  };
}

function harperQuery<Row>({ conditions = [], sort, limit, offset }: Query<Row>, select: readonly string[]) {
  return {
    conditions: conditions.map(({ attribute, comparator, value }) => ({ attribute, comparator, value })),
    ...(sort && { sort: { attribute: sort.attribute, descending: sort.descending ?? false } }),
    ...(limit !== undefined && { limit }),
    ...(offset !== undefined && { offset }),
    select: [...select],
  };
}

/** Harper's per-key lock spans all threads of a node. The work must begin and commit its own writes. */
async function withLock<T>(table: HarperTable, name: string, work: () => Promise<T>): Promise<T> {
  const key = isKey(name) ? name : createHash('sha256').update(name).digest('hex');
  for (;;) {
    let wake!: () => void;
    const freed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (table.primaryStore.attemptLock(key, 0, wake)) break;
    await freed;
  }
  try {
    return await work();
  } finally {
    table.primaryStore.unlock(key, 0);
  }
}
