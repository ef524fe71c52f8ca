import type { PendingState } from './pending.ts';

export interface Usage {
  inFlight: number;
  queued: number;
  lastUsedAt: number | null;
  /** Times that it was loaded. */
  loads: number;
}

/** Digests remembered though nobody uses them now, for `lastUsedAt` and `loads` alone. */
const REMEMBERED = 1000;

/** Who uses what: requests waiting and running, in all and by digest. */
export class UsageCounter {
  readonly total = { inFlight: 0, queued: 0 };
  readonly #byDigest = new Map<string, Usage>();

  /** Counts a new request as queued and returns what follows its changes of state. */
  enter(digest: string): (from: PendingState, to: PendingState) => void {
    const usage = this.#usageOf(digest);
    usage.lastUsedAt = Date.now();
    this.#count(usage, 'queued', 1);
    return (from, to) => {
      this.#count(usage, from, -1);
      this.#count(usage, to, 1);
    };
  }

  countLoad(digest: string): void {
    this.#usageOf(digest).loads += 1;
  }

  get(digest: string): Usage {
    return this.#byDigest.get(digest) ?? { inFlight: 0, queued: 0, lastUsedAt: null, loads: 0 };
  }

  #usageOf(digest: string): Usage {
    let usage = this.#byDigest.get(digest);
    if (!usage) {
      if (this.#byDigest.size >= REMEMBERED) this.#dropIdle();
      usage = { inFlight: 0, queued: 0, lastUsedAt: null, loads: 0 };
      this.#byDigest.set(digest, usage);
    }
    return usage;
  }

  #dropIdle(): void {
    for (const [digest, { inFlight, queued }] of this.#byDigest)
      if (inFlight + queued === 0) this.#byDigest.delete(digest);
  }

  #count(usage: Usage, state: PendingState, by: number): void {
    if (state === 'settled') return;
    const field = state === 'running' ? 'inFlight' : 'queued';
    usage[field] += by;
    this.total[field] += by;
  }
}
