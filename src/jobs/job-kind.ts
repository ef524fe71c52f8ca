import type { JobType } from '../store/rows.ts';
import type { Work } from './work.ts';

export type ProgressUnit = 'rows' | 'bytes' | 'iterations';

/** How far a job is; `total` is null while nobody knows. */
export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly unit: ProgressUnit;
}

/**
 * One type of job. Its work may be begun several times, on another server even, and for a moment twice at once:
 * doing it again must change nothing.
 */
export interface JobKind {
  readonly type: JobType;
  readonly unit: ProgressUnit;
  /** Whether it can be paused. Resumed, it begins with the checkpoint it left. */
  readonly pausable: boolean;
  /** Jobs of this type that run at once on a node; as many as there is room for unless said. */
  readonly atOnce?: number;
  /**
   * Does the work until it is done or `work.signal` aborts.
   *
   * @returns the job's result, plain JSON.
   * @throws  AppError for the job's `error`; one of a passing kind is tried again. FinalError for one that is not.
   */
  run(work: Work): Promise<unknown>;
}

export type JobKinds = ReadonlyMap<JobType, JobKind>;

export const kindsOf = (kinds: readonly JobKind[]): JobKinds => new Map(kinds.map((kind) => [kind.type, kind]));
