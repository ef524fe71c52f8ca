import type { JobRow } from '../store/rows.ts';

/** A job as the API shows it: parsed, and without what only its runner needs. */
export function jobView(row: JobRow) {
  const { id, type, status, phase, modelName, modelVersion, createdBy, createdAt, startedAt, completedAt } = row;
  return {
    id,
    jobId: id,
    type,
    status,
    ...(phase !== null && { phase }),
    progress: JSON.parse(row.progress),
    modelName,
    modelVersion,
    createdBy,
    createdAt,
    startedAt,
    completedAt,
    attempts: row.attempts,
    result: parsed(row.result),
    // The row also keeps why an attempt failed that is made again.
    error: status === 'failed' ? parsed(row.error) : null,
  };
}

const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
