import { AppError } from '../errors.ts';
import { newestFirst } from '../store/newest-first.ts';
import type { JobRow, JobStatus, JobType } from '../store/rows.ts';
import type { Condition } from '../store/store.ts';
import type { JobKinds, Progress } from './job-kind.ts';
import { type LeasePorts, underLock } from './lease.ts';

export interface JobDeskPorts extends LeasePorts {
  readonly kinds: JobKinds;
  /** Tells the runner of this node that a job is new or was changed. */
  readonly announce: (id: string) => void;
}

export interface NewJob {
  readonly type: JobType;
  /** What the work needs to know, plain JSON. */
  readonly request: unknown;
  readonly total?: number | null;
  readonly modelName?: string;
  readonly modelVersion?: string;
  readonly createdBy: string;
}

export interface JobFilter {
  readonly type?: JobType | undefined;
  readonly status?: JobStatus | undefined;
  readonly modelName?: string | undefined;
}

/** Jobs of one type that may wait; a caller in a loop shall not bury the others. */
const maxQueued = 100;

/** Where jobs are handed in, looked up and controlled, on any thread. */
export class JobDesk {
  readonly #ports: JobDeskPorts;

  constructor(ports: JobDeskPorts) {
    this.#ports = ports;
  }

  /**
   * Queues a job of a registered type. It is stored when the promise resolves.
   *
   * @throws AppError QUEUE_FULL
   */
  async create({ type, request, total = null, modelName, modelVersion, createdBy }: NewJob): Promise<JobRow> {
    const { store, kinds, now, newId, announce } = this.#ports;
    const kind = kinds.get(type);
    if (!kind) throw new Error(`no kind of job is registered as ${type}`);
    await this.#refuseOverfull(type);
    const progress: Progress = { done: 0, total, unit: kind.unit };
    const row: JobRow = {
      id: newId(),
      type,
      status: 'queued',
      phase: null,
      modelName: modelName ?? null,
      modelVersion: modelVersion ?? null,
      request: JSON.stringify(request),
      progress: JSON.stringify(progress),
      checkpoint: null,
      sealed: null,
      result: null,
      error: null,
      attempts: 0,
      notBefore: null,
      leaseOwner: null,
      leaseUntil: null,
      createdBy,
      createdAt: now(),
      startedAt: null,
      completedAt: null,
    };
    await store.jobs.put(row);
    announce(row.id);
    return row;
  }

  /** @throws AppError JOB_NOT_FOUND */
  async get(id: string): Promise<JobRow> {
    return found(await this.#ports.store.jobs.get(id), id);
  }

  /** One page, newest first. @throws AppError INVALID_INPUT for a cursor that we never gave. */
  async list(filter: JobFilter, limit: number, cursor?: string): Promise<{ jobs: JobRow[]; nextCursor?: string }> {
    const conditions = (['modelName', 'status', 'type'] as const).flatMap((attribute): Condition<JobRow>[] => {
      const value = filter[attribute];
      return value === undefined ? [] : [{ attribute, comparator: 'equals', value }];
    });
    const { jobs } = this.#ports.store;
    const { rows, ...more } = await newestFirst(jobs, { conditions, time: 'createdAt', limit, cursor });
    return { jobs: rows, ...more };
  }

  /** Stops work that can go on later. @throws AppError JOB_NOT_FOUND, STATE_CONFLICT */
  pause(id: string): Promise<JobRow> {
    return this.#change(id, 'paused', ['queued', 'running'], ({ type }) =>
      this.#ports.kinds.get(type)?.pausable ? freed : `a ${type} job cannot be paused, only cancelled`,
    );
  }

  /** Lets a paused job go on, with all its attempts before it. @throws AppError JOB_NOT_FOUND, STATE_CONFLICT */
  resume(id: string): Promise<JobRow> {
    return this.#change(id, 'queued', ['paused'], () => ({ attempts: 0, notBefore: null }));
  }

  /** Ends a job for good; it leaves nothing behind. @throws AppError JOB_NOT_FOUND, STATE_CONFLICT */
  cancel(id: string): Promise<JobRow> {
    return this.#change(id, 'cancelled', ['queued', 'running', 'paused'], () => ({
      ...freed,
      completedAt: this.#ports.now(),
    }));
  }

  async #refuseOverfull(type: JobType): Promise<void> {
    const conditions = [
      { attribute: 'status', comparator: 'equals', value: 'queued' },
      { attribute: 'type', comparator: 'equals', value: type },
    ] as const;
    let waiting = 0;
    for await (const _row of this.#ports.store.jobs.query({ conditions, select: ['id'], limit: maxQueued })) waiting++;
    if (waiting < maxQueued) return;
    throw new AppError('QUEUE_FULL', `${waiting} ${type} jobs wait already. Cancel some, or try again later.`, {
      retryAfterSeconds: 10,
    });
  }

  async #change(
    id: string,
    status: JobStatus,
    from: readonly JobStatus[],
    decide: (row: JobRow) => Partial<JobRow> | string,
  ): Promise<JobRow> {
    const { store, announce } = this.#ports;
    const changed = await underLock(store, id, async (present) => {
      const row = found(present, id);
      if (!from.includes(row.status))
        throw conflict(
          row,
          `only a job that is ${from.join(', ')} can become ${status}, and this one is ${row.status}`,
        );
      const isLeaving = row.sealed === true && status !== 'queued';
      const part = isLeaving ? 'its result is being stored and is there in a moment' : decide(row);
      if (typeof part === 'string') throw conflict(row, part);
      await store.jobs.patch(id, { ...part, status });
      return { ...row, ...part, status };
    });
    announce(id);
    return changed;
  }
}

/** Nobody holds the lease: whoever worked on the job finds out and stops. */
const freed = { phase: null, leaseOwner: null, leaseUntil: null } as const;

function found(row: JobRow | undefined, id: string): JobRow {
  if (row) return row;
  throw new AppError('JOB_NOT_FOUND', `There is no job "${id.slice(0, 64)}". GET /jobs lists the jobs there are.`);
}

const conflict = ({ id }: JobRow, why: string) => new AppError('STATE_CONFLICT', `Job ${id}: ${why}.`);
