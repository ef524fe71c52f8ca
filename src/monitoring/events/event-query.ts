import { newestFirst } from '../../store/newest-first.ts';
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
  const { hasFeedback } = filter;
  const { rows, ...more } = await newestFirst(table, {
    conditions: conditionsOf(filter),
    time: 'timestamp',
    keep: (row) => hasFeedback === undefined || hasFeedback === (row.feedbackTimestamp != null),
    limit,
    cursor,
  });
  return { events: rows, ...more };
}
