export type RunPhase = 'load' | 'run';

/**
 * Is told before and after everything that may block or kill the process. In a runner it arms the watchdog and
 * writes the marker that names the culprit after a death; elsewhere nobody watches.
 */
export interface RunWatch {
  begin(digest: string, phase: RunPhase, limitMs: number): void;
  /** Work of many pieces goes on: the next piece has so long from now. */
  extend(limitMs: number): void;
  end(): void;
}

export const nobodyWatches: RunWatch = { begin: () => {}, extend: () => {}, end: () => {} };

/** Does `work` between `begin` and `end`. */
export async function watched<T>(
  watch: RunWatch,
  digest: string,
  phase: RunPhase,
  limitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  watch.begin(digest, phase, limitMs);
  try {
    return await work();
  } finally {
    watch.end();
  }
}

/** A model's run under watch. `enqueuedAt` is when the request that has waited least came in. */
export type WatchedRun = <T>(run: () => Promise<T>, enqueuedAt: number) => Promise<T>;
