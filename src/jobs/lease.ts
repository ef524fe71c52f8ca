import type { JobRow } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { maxAttempts } from './retry.ts';

/** A job without a sign of life for this long is taken from its runner. */
export const leaseMs = 15_000;

export type JobStore = Pick<Store, 'jobs' | 'withLock'>;

export interface LeasePorts {
  readonly store: JobStore;
  readonly now: () => number;
  readonly newId: () => string;
}

/** The job is another's now, or was cancelled or paused: its work must stop and write nothing more. */
export class LeaseLost extends Error {
  constructor(id: string) {
    super(`job ${id} is no longer ours`);
  }
}

/**
 * The right to work on a job. Every claim has an owner id of its own, which every write compares under the
 * job's lock: whoever lost the lease can write no more, however late it wakes up.
 */
export class Lease {
  readonly id: string;
  readonly #owner: string;
  readonly #ports: LeasePorts;

  constructor(id: string, owner: string, ports: LeasePorts) {
    this.id = id;
    this.#owner = owner;
    this.#ports = ports;
  }

  /** Changes the job and renews the lease. @throws LeaseLost */
  write(part: Partial<Omit<JobRow, 'id'>>): Promise<void> {
    const { store, now } = this.#ports;
    return underLock(store, this.id, async (row) => {
      if (!this.#isHeld(row)) throw new LeaseLost(this.id);
      await store.jobs.patch(this.id, { leaseUntil: now() + leaseMs, ...part });
    });
  }

  /** Gives the job away with its last change. @throws LeaseLost */
  end(part: Partial<Omit<JobRow, 'id'>>): Promise<void> {
    return this.write({ leaseOwner: null, leaseUntil: null, ...part });
  }

  async isHeld(): Promise<boolean> {
    return this.#isHeld(await this.#ports.store.jobs.get(this.id));
  }

  #isHeld(row: JobRow | undefined): boolean {
    return row?.status === 'running' && row.leaseOwner === this.#owner;
  }
}

/**
 * Takes a job that waits, or one whose runner has gone silent. A job that lost its runner too often fails.
 *
 * @returns the row as claimed with its lease, or undefined when there is nothing to take.
 */
export function claim(id: string, ports: LeasePorts): Promise<{ row: JobRow; lease: Lease } | undefined> {
  const { store, now, newId } = ports;
  return underLock(store, id, async (row) => {
    if (!row || !isClaimable(row, now())) return undefined;
    if (row.attempts >= maxAttempts) {
      await store.jobs.patch(id, abandoned(now()));
      return undefined;
    }
    const owner = newId();
    const part = {
      status: 'running' as const,
      attempts: row.attempts + 1,
      leaseOwner: owner,
      leaseUntil: now() + leaseMs,
      notBefore: null,
      startedAt: row.startedAt ?? now(),
    };
    await store.jobs.patch(id, part);
    return { row: { ...row, ...part }, lease: new Lease(id, owner, ports) };
  });
}

/** Whether a job may be claimed now. */
export const isClaimable = ({ status, notBefore, leaseUntil }: JobRow, now: number): boolean =>
  (status === 'queued' && (notBefore ?? 0) <= now) || (status === 'running' && (leaseUntil ?? 0) < now);

/** Reads a job and decides on it while nobody else does. */
export const underLock = <T>(store: JobStore, id: string, work: (row: JobRow | undefined) => Promise<T>): Promise<T> =>
  store.withLock(`job:${id}`, async () => work(await store.jobs.get(id)));

const abandoned = (now: number) => ({
  status: 'failed' as const,
  error: JSON.stringify({
    code: 'INTERNAL',
    detail: `The server ended ${maxAttempts} times while it did this job, so it is not begun again. Look into the server's log, then ask anew.`,
  }),
  leaseOwner: null,
  leaseUntil: null,
  completedAt: now,
});
