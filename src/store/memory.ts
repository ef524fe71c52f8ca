import { createReadStream } from 'node:fs';
import { copyFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventRow, JobRow, ModelRow, RetiredVersionRow } from './rows.ts';
import type { Condition, ModelTable, Query, Store, Table } from './store.ts';

/** A store that forgets at exit, for tests. It passes the same contract suite as Harper's. */
export function memoryStore(): Store {
  const locks = new Map<string, Promise<unknown>>();
  return {
    models: new MemoryModelTable(),
    events: new MemoryTable<EventRow>(),
    retired: new MemoryTable<RetiredVersionRow>(),
    jobs: new MemoryTable<JobRow>(),
    async withLock(key, work) {
      const before = locks.get(key) ?? Promise.resolve();
      const mine = before.then(work, work);
      locks.set(
        key,
        mine.catch(() => undefined),
      );
      return mine;
    },
  };
}

class MemoryTable<Row extends { readonly id: string }> implements Table<Row> {
  protected readonly rows = new Map<string, Row>();

  async get(id: string) {
    const row = this.rows.get(id);
    return row && { ...row };
  }
  async put(row: Row) {
    this.rows.set(row.id, { ...row });
  }
  async patch(id: string, part: Partial<Omit<Row, 'id'>>) {
    const row = this.rows.get(id);
    if (row) this.rows.set(id, { ...row, ...part });
  }
  async delete(id: string) {
    this.rows.delete(id);
  }
  async count() {
    return this.rows.size;
  }
  async *query({ conditions = [], sort, limit = Number.POSITIVE_INFINITY, offset = 0, select }: Query<Row>) {
    const found = [...this.rows.values()].filter((row) => conditions.every((condition) => holds(row, condition)));
    if (sort) {
      const sign = sort.descending ? -1 : 1;
      found.sort((a, b) => sign * compare(a[sort.attribute], b[sort.attribute]));
    }
    for (const row of found.slice(offset, offset + limit)) {
      yield select ? (Object.fromEntries(select.map((name) => [name, row[name]])) as unknown as Row) : { ...row };
    }
  }
}

class MemoryModelTable extends MemoryTable<ModelRow> implements ModelTable {
  readonly #files = new Map<string, { path: string; size: number }>();

  async putWithBytes(row: ModelRow, file: { readonly path: string; readonly size: number }) {
    const path = join(await mkdtemp(join(tmpdir(), 'memory-store-')), 'bytes');
    await copyFile(file.path, path);
    this.#files.set(row.id, { path, size: file.size });
    await this.put(row);
  }
  async bytes(id: string) {
    const file = this.#files.get(id);
    if (!file || !this.rows.has(id)) return undefined;
    return {
      size: file.size,
      stream: (start = 0, end = file.size) => createReadStream(file.path, { start, end: Math.max(start, end) - 1 }),
    };
  }
}

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  return (a as string | number) < (b as string | number) ? -1 : 1;
}

function holds<Row>(row: Row, { attribute, comparator, value }: Condition<Row>): boolean {
  const own = row[attribute] as unknown;
  if (comparator === 'equals') return own === value;
  if (comparator === 'not_equal') return own !== value;
  if (own === null || own === undefined) return false;
  const order = compare(own, value);
  if (comparator === 'less_than') return order < 0;
  if (comparator === 'less_than_equal') return order <= 0;
  if (comparator === 'greater_than') return order > 0;
  return order >= 0;
}
