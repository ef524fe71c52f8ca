import type { EventRow } from '../../store/rows.ts';

/** An event as the API shows it: the row, its JSON fields parsed. */
export function eventView(row: EventRow) {
  return {
    ...row,
    featuresIn: parsed(row.featuresIn),
    prediction: parsed(row.prediction),
    actualOutcome: parsed(row.actualOutcome),
  };
}

const parsed = (text: string | null): unknown => (text === null || text === undefined ? null : JSON.parse(text));
