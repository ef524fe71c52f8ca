import { AppError } from '../errors.ts';
import type { JobRow, JobType } from '../store/rows.ts';
import type { JobKind, JobKinds } from './job-kind.ts';
import { claim, isClaimable, type LeasePorts } from './lease.ts';
import { FinalError, maxAttempts, mayPass, pauseBefore } from './retry.ts';
import { Stopping, Work } from './work.ts';

export interface JobRunnerPorts extends LeasePorts {
  readonly kinds: JobKinds;
  readonly log: (level: 'warn' | 'error', message: string, cause?: unknown) => void;
  /** Jobs at work at once on this node. */
  readonly atOnce?: number;
  /** How often to look for jobs that nobody announced: retries, and those of runners that died. */
  readonly lookEveryMs?: number;
}

interface Running {
  readonly type: JobType;
  readonly work: Work;
  readonly ended: Promise<void>;
}

/** Does the jobs of a node, oldest first. One per node is enough; two do no harm. */
export class JobRunner {
  readonly #ports: JobRunnerPorts;
  readonly #running = new Map<string, Running>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isNudged = false;
  #isClosed = false;

  constructor(ports: JobRunnerPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#timer = setInterval(() => this.#nudge(), this.#ports.lookEveryMs ?? 1000).unref();
    this.#nudge();
  }

  /** A job was made, resumed, paused or cancelled, on this thread or another. */
  heed(id: string): void {
    const running = this.#running.get(id);
    if (running) void running.work.check().catch((error) => this.#ports.log('warn', `job ${id} cannot be read`, error));
    else if (this.#timer) this.#nudge();
  }

  /** Stops what runs and puts it back, to be begun again by whoever starts next. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
    for (const { work } of this.#running.values()) work.stop(new Stopping());
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #nudge(): void {
    this.#isNudged = true;
    this.#looking ??= this.#lookAround()
      .catch((error) => this.#ports.log('warn', 'jobs could not be looked for', error))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #lookAround(): Promise<void> {
    while (this.#isNudged && !this.#isClosed) {
      this.#isNudged = false;
      for (const row of await this.#waiting()) {
        const kind = this.#ports.kinds.get(row.type);
        if (!kind || !this.#hasRoom(kind) || this.#isClosed) continue;
        const claimed = await claim(row.id, this.#ports);
        if (claimed) this.#begin(kind, claimed.row, new Work(claimed.row, claimed.lease, this.#ports.now));
      }
    }
  }

  async #waiting(): Promise<JobRow[]> {
    const rows: JobRow[] = [];
    for (const value of ['queued', 'running'] as const) {
      const conditions = [{ attribute: 'status', comparator: 'equals', value }] as const;
      for await (const row of this.#ports.store.jobs.query({ conditions })) {
        if (!this.#running.has(row.id) && isClaimable(row, this.#ports.now())) rows.push(row);
      }
    }
    return rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  #hasRoom({ type, atOnce = Number.POSITIVE_INFINITY }: JobKind): boolean {
    const same = [...this.#running.values()].filter((running) => running.type === type);
    return this.#running.size < (this.#ports.atOnce ?? 2) && same.length < atOnce;
  }

  #begin(kind: JobKind, row: JobRow, work: Work): void {
    const ended = this.#do(kind, work)
      // Without a last word the lease runs out, and the job is begun again.
      .catch((error) => this.#ports.log('warn', `job ${row.id} could not write how it ended`, error))
      .finally(() => {
        work.close();
        this.#running.delete(row.id);
        if (this.#timer && !this.#isClosed) this.#nudge();
      });
    this.#running.set(row.id, { type: row.type, work, ended });
  }

  async #do(kind: JobKind, work: Work): Promise<void> {
    const { now } = this.#ports;
    try {
      const result = await kind.run(work);
      await work.end({ status: 'completed', phase: null, result: JSON.stringify(result ?? {}), completedAt: now() });
    } catch (error) {
      await this.#fail(work, error);
    }
  }

  async #fail(work: Work, error: unknown): Promise<void> {
    const { now } = this.#ports;
    const { reason, aborted } = work.signal;
    if (aborted && !(reason instanceof Stopping)) return;
    const again = { status: 'queued', phase: null } as const;
    if (aborted) return work.end({ ...again, attempts: work.attempt - 1 });
    const failure = error instanceof FinalError ? error.failure : error;
    const described = JSON.stringify(this.#described(work, failure));
    if (mayPass(error) && work.attempt < maxAttempts)
      return work.end({ ...again, error: described, notBefore: now() + pauseBefore(work.attempt, failure) });
    await work.end({ status: 'failed', error: described, completedAt: now() });
  }

  #described({ id }: Work, error: unknown): { code: string; detail: string } {
    if (error instanceof AppError) return { code: error.code, detail: error.message };
    this.#ports.log('error', `job ${id} broke`, error);
    return { code: 'INTERNAL', detail: `Something broke on our side; the server log has it under job ${id}.` };
  }
}
