import type { JobRow } from '../store/rows.ts';
import type { Progress, ProgressUnit } from './job-kind.ts';
import { type Lease, LeaseLost, leaseMs } from './lease.ts';

/** Progress is written at most this often, so that quick work does not wait for its own reports. */
const progressEveryMs = 500;
const heartbeatEveryMs = leaseMs / 3;

/** Work was put back because the server stops. */
export class Stopping extends Error {}

/**
 * A job at work: what was asked, and the ways to report. Its lease is kept alive until `close`; when it is
 * lost (cancelled, paused, taken by another), `signal` aborts and every report throws.
 */
export class Work {
  readonly id: string;
  readonly attempt: number;
  readonly request: unknown;
  readonly modelName: string | null;
  readonly modelVersion: string | null;
  readonly createdBy: string;
  /** What the last attempt left to go on from; undefined without one. */
  readonly checkpoint: unknown;
  /** Whether an earlier attempt was past the point up to which it leaves nothing behind. */
  readonly wasSealed: boolean;
  readonly #lease: Lease;
  readonly #now: () => number;
  readonly #unit: ProgressUnit;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #progress: Progress;
  #isUnwritten = false;
  #isWriting = false;
  #renewedAt: number;

  constructor(row: JobRow, lease: Lease, now: () => number) {
    this.id = row.id;
    this.attempt = row.attempts;
    this.request = JSON.parse(row.request);
    this.modelName = row.modelName;
    this.modelVersion = row.modelVersion;
    this.createdBy = row.createdBy;
    this.checkpoint = row.checkpoint === null ? undefined : JSON.parse(row.checkpoint);
    this.wasSealed = row.sealed === true;
    this.#lease = lease;
    this.#now = now;
    this.#progress = JSON.parse(row.progress);
    this.#unit = this.#progress.unit;
    this.#renewedAt = now();
    this.#timer = setInterval(() => void this.#tick(), progressEveryMs).unref();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Where it is now; written at most twice a second. */
  progress(done: number, total: number | null): void {
    this.#progress = { done, total, unit: this.#unit };
    this.#isUnwritten = true;
  }

  /** Names what it does now. @throws LeaseLost */
  phase(phase: string): Promise<void> {
    return this.#write({ phase });
  }

  /** Keeps plain JSON for the next attempt, should there be one. @throws LeaseLost */
  save(checkpoint: unknown): Promise<void> {
    return this.#write({ checkpoint: JSON.stringify(checkpoint) });
  }

  /**
   * Says that from here on something stays: the job can no longer be cancelled or paused. To be called right
   * before the first lasting effect, which must not begin when this throws.
   *
   * @param checkpoint  lets the next attempt find out whether the effect took place.
   * @throws LeaseLost
   */
  seal(checkpoint: unknown): Promise<void> {
    return this.#write({ sealed: true, checkpoint: JSON.stringify(checkpoint) });
  }

  /** Says that nothing stays after all, so that it can be cancelled again. @throws LeaseLost */
  unseal(): Promise<void> {
    return this.#write({ sealed: false });
  }

  /** Ends the work with its last change. @throws LeaseLost */
  end(part: Partial<Omit<JobRow, 'id'>>): Promise<void> {
    this.close();
    return this.#lease.end({ progress: JSON.stringify(this.#progress), ...part });
  }

  /** Looks whether the job is still ours, and stops the work when it is not. */
  async check(): Promise<void> {
    if (!(await this.#lease.isHeld())) this.stop(new LeaseLost(this.id));
  }

  stop(reason: Error): void {
    this.close();
    this.#abort.abort(reason);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #write(part: Partial<Omit<JobRow, 'id'>>): Promise<void> {
    try {
      this.#isUnwritten = false;
      await this.#lease.write({ progress: JSON.stringify(this.#progress), ...part });
      this.#renewedAt = this.#now();
    } catch (error) {
      if (error instanceof LeaseLost) this.stop(error);
      throw error;
    }
  }

  async #tick(): Promise<void> {
    const silentMs = this.#now() - this.#renewedAt;
    if (this.#isWriting || !(this.#isUnwritten || silentMs >= heartbeatEveryMs)) return;
    this.#isWriting = true;
    try {
      await this.#write({});
    } catch {
      // A table that takes no more writes may take them again; but whoever cannot renew a lease has lost it.
      if (silentMs >= leaseMs) this.stop(new LeaseLost(this.id));
    } finally {
      this.#isWriting = false;
    }
  }
}
