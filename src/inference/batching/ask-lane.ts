import type { Answer, Asking, GenerationOptions } from '../backend.ts';
import type { EngineResult } from '../engine.ts';
import type { Lane } from './executor.ts';
import { monotonicMs } from './monotonic.ts';
import type { Pending } from './pending.ts';
import type { WatchedRun } from './run-watch.ts';

export interface AskRequest {
  /** Plain JSON. */
  readonly features: unknown;
  readonly normalize?: boolean;
  readonly generation?: GenerationOptions;
  readonly pending: Pending<EngineResult>;
}

export interface AskLaneOptions {
  readonly ask: (features: unknown, asking: Asking) => Promise<Answer>;
  /** Wraps every request, for the watchdog. */
  readonly watched: WatchedRun;
  /** Tells the watchdog that a request goes on with its next piece. */
  readonly onStep: () => void;
}

/** The requests that wait for one model that reads features itself: one at a time, in order of arrival. */
export class AskLane implements Lane {
  readonly #options: AskLaneOptions;
  #queue: AskRequest[] = [];

  constructor(options: AskLaneOptions) {
    this.#options = options;
  }

  add(request: AskRequest): void {
    this.#queue.push(request);
  }

  hasWork(): boolean {
    return this.#queue.length > 0;
  }

  async runTurn(): Promise<void> {
    const now = monotonicMs();
    this.#queue = this.#queue.filter(({ pending }) => pending.isWanted(now));
    const request = this.#queue.shift();
    if (request) await this.#answer(request);
  }

  async #answer({ features, pending, ...how }: AskRequest): Promise<void> {
    const { ask, watched, onStep } = this.#options;
    pending.start();
    const startedAt = monotonicMs();
    // The model works in pieces, so it can stop when its caller hangs up or the deadline passes.
    const unwanted = new AbortController();
    const stop = (reason?: unknown) => unwanted.abort(reason);
    pending.result.then(() => stop(), stop);
    // A timer may come a little before its time, so the deadline itself is what it reports.
    const deadline = setTimeout(() => pending.isWanted(pending.deadline), pending.deadline - startedAt);
    try {
      const answer = await watched(
        () => ask(features, { ...how, signal: unwanted.signal, onStep }),
        pending.enqueuedAt,
      );
      pending.resolve(resultOf(answer, startedAt - pending.enqueuedAt, monotonicMs() - startedAt));
    } catch (error) {
      pending.reject(error);
    } finally {
      clearTimeout(deadline);
    }
  }
}

function resultOf({ embedding, ...rest }: Answer, queueMs: number, runMs: number): EngineResult {
  return { ...rest, outputs: embedding ? { embedding } : {}, timing: { queueMs, tokenizeMs: 0, runMs, postMs: 0 } };
}
