import { monotonicMs } from '../batching/monotonic.ts';
import type { Verdict } from './notices.ts';

/** The supervisor speaks within milliseconds; if it is gone itself, nobody is to blame. */
const PATIENCE_MS = 2000;
/** Verdicts that nobody asked for yet: the news may come before the socket closes. */
const REMEMBERED = 64;

/** Brings together the calls that lost their runner and the supervisor's verdict, whichever comes first. */
export class Verdicts<C> {
  readonly #known = new Map<string, Verdict>();
  readonly #waiting = new Map<string, { since: number; calls: readonly C[] }>();
  readonly #decide: (call: C, verdict: Verdict) => void;

  constructor(decide: (call: C, verdict: Verdict) => void) {
    this.#decide = decide;
  }

  /** Calls of a runner whose socket has closed. */
  await(generation: string, calls: readonly C[]): void {
    const verdict = this.#known.get(generation);
    if (verdict) this.#tell(calls, verdict);
    else if (calls.length > 0) this.#waiting.set(generation, { since: monotonicMs(), calls });
  }

  record(verdict: Verdict): void {
    this.#known.set(verdict.generation, verdict);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(oldest);
    }
    const waiting = this.#waiting.get(verdict.generation);
    this.#waiting.delete(verdict.generation);
    if (waiting) this.#tell(waiting.calls, verdict);
  }

  sweep(now: number): void {
    for (const [generation, { since }] of this.#waiting) if (now - since > PATIENCE_MS) this.record({ generation });
  }

  #tell(calls: readonly C[], verdict: Verdict): void {
    for (const call of calls) this.#decide(call, verdict);
  }
}
