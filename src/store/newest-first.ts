import { AppError } from '../errors.ts';
import { breathing } from '../lib/breathing.ts';
import type { Condition, Table } from './store.ts';

export interface NewestFirst<Row> {
  readonly conditions: readonly Condition<Row>[];
  /** The indexed attribute that holds a record's time, epoch milliseconds. */
  readonly time: keyof Row & string;
  /** What the conditions cannot say. */
  readonly keep?: (row: Row) => boolean;
  readonly limit: number;
  /** The `nextCursor` of an earlier page. */
  readonly cursor?: string | undefined;
}

/**
 * One page of records, newest first. The cursor names the last record shown, so records written meanwhile
 * neither repeat nor hide others.
 *
 * @throws AppError INVALID_INPUT for a cursor that we never gave.
 */
export async function newestFirst<Row extends { readonly id: string }>(
  table: Pick<Table<Row>, 'query'>,
  { conditions, time, keep = () => true, limit, cursor }: NewestFirst<Row>,
): Promise<{ rows: Row[]; nextCursor?: string }> {
  const timeOf = (row: Row) => row[time] as number;
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const isAfter = (row: Row) => !after || timeOf(row) < after.time || (timeOf(row) === after.time && row.id < after.id);
  const upTo = after ? [{ attribute: time, comparator: 'less_than_equal' as const, value: after.time }] : [];
  const found: Row[] = [];
  let sameTime: Row[] = [];
  // Records of one millisecond come in no order of their own, so they are put in order of id before paging.
  const flush = () => {
    sameTime.sort((a, b) => (a.id < b.id ? 1 : -1));
    for (const row of sameTime) if (isAfter(row)) found.push(row);
    sameTime = [];
  };
  const rows = table.query({ conditions: [...conditions, ...upTo], sort: { attribute: time, descending: true } });
  for await (const row of breathing(rows)) {
    if (!keep(row)) continue;
    if (sameTime[0] && timeOf(sameTime[0]) !== timeOf(row)) {
      flush();
      if (found.length > limit) break;
    }
    sameTime.push(row);
  }
  flush();
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const isMore = found.length > limit && last !== undefined;
  return { rows: shown, ...(isMore && { nextCursor: encodeCursor(timeOf(last), last.id) }) };
}

const encodeCursor = (time: number, id: string) => Buffer.from(`${time}:${id}`).toString('base64url');

function decodeCursor(cursor: string): { time: number; id: string } {
  const match = /^(\d{1,16}):(.{1,256})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match) return { time: Number(match[1]), id: match[2] as string };
  const message = 'expected the nextCursor of an earlier reply';
  throw new AppError('INVALID_INPUT', `cursor: ${message}.`, { violations: [{ path: 'cursor', message }] });
}
