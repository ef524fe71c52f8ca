import { AppError } from '../../errors.ts';
import { breathing } from '../../lib/breathing.ts';
import type { EventRow } from '../../store/rows.ts';
import type { Condition, Table } from '../../store/store.ts';

export interface EventFilter {
  readonly modelName?: string | undefined;
  readonly modelVersion?: string | undefined;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly variant?: string | undefined;
  readonly hasFeedback?: boolean | undefined;
  /** Epoch milliseconds, from ≤ t < to. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only events that this login asked for. */
  readonly caller?: string | undefined;
}

export interface EventPage {
  readonly events: readonly EventRow[];
  readonly nextCursor?: string;
}

// The most selective first: Harper walks the index of the first condition and filters by the others.
const equalities = [
  'requestId',
  'sessionId',
  'userId',
  'modelName',
  'modelVersion',
  'errorCode',
  'variant',
  'caller',
] as const;

export function conditionsOf(filter: EventFilter): Condition<EventRow>[] {
  const conditions: Condition<EventRow>[] = [];
  for (const attribute of equalities) {
    const value = filter[attribute];
    if (value !== undefined) conditions.push({ attribute, comparator: 'equals', value });
  }
  if (filter.from !== undefined)
    conditions.push({ attribute: 'timestamp', comparator: 'greater_than_equal', value: filter.from });
  if (filter.to !== undefined) conditions.push({ attribute: 'timestamp', comparator: 'less_than', value: filter.to });
  return conditions;
}

/**
 * One page of events, newest first. The cursor names the last event shown, so events written meanwhile
 * neither repeat nor hide others.
 *
 * @throws AppError INVALID_INPUT for a cursor that we never gave.
 */
export async function findEvents(
  table: Table<EventRow>,
  filter: EventFilter,
  limit: number,
  cursor?: string,
): Promise<EventPage> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const conditions = conditionsOf(filter);
  if (after) conditions.push({ attribute: 'timestamp', comparator: 'less_than_equal', value: after.timestamp });
  const found: EventRow[] = [];
  const rows = table.query({ conditions, sort: { attribute: 'timestamp', descending: true } });
  let sameTime: EventRow[] = [];
  // Events of one millisecond come in no order of their own, so they are put in order of id before paging.
  const flush = () => {
    sameTime.sort((a, b) => (a.id < b.id ? 1 : -1));
    for (const row of sameTime) if (!after || isAfter(row, after)) found.push(row);
    sameTime = [];
  };
  for await (const row of breathing(rows)) {
    if (filter.hasFeedback !== undefined && filter.hasFeedback !== (row.feedbackTimestamp != null)) continue;
    if (sameTime[0] && sameTime[0].timestamp !== row.timestamp) {
      flush();
      if (found.length > limit) break;
    }
    sameTime.push(row);
  }
  flush();
  const events = found.slice(0, limit);
  const last = events.at(-1);
  return { events, ...(found.length > limit && last && { nextCursor: encodeCursor(last) }) };
}

const isAfter = (row: EventRow, after: { timestamp: number; id: string }) =>
  row.timestamp < after.timestamp || (row.timestamp === after.timestamp && row.id < after.id);

const encodeCursor = ({ timestamp, id }: EventRow) => Buffer.from(`${timestamp}:${id}`).toString('base64url');

function decodeCursor(cursor: string): { timestamp: number; id: string } {
  const match = /^(\d{1,16}):(.{1,256})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match) return { timestamp: Number(match[1]), id: match[2] as string };
  const message = 'expected the nextCursor of an earlier reply';
  throw new AppError('INVALID_INPUT', `cursor: ${message}.`, { violations: [{ path: 'cursor', message }] });
}
