import { randomUUID } from 'node:crypto';
import { onTestFinished, vi } from 'vitest';
import { JobDesk } from '../../src/jobs/job-desk.ts';
import { type JobKind, kindsOf } from '../../src/jobs/job-kind.ts';
import { JobRunner } from '../../src/jobs/job-runner.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { JobRow } from '../../src/store/rows.ts';

/** A desk and as many runners as are asked for over one store, with a clock that tests may move on. */
export function workshop(kind: Partial<JobKind> & Pick<JobKind, 'run'>) {
  const store = memoryStore();
  const kinds = kindsOf([{ type: 'batch', unit: 'rows', pausable: true, ...kind }]);
  const clock = { ahead: 0 };
  const now = () => Date.now() + clock.ahead;
  const runners = new Set<JobRunner>();
  const log = vi.fn();
  const announce = vi.fn((id: string) => {
    for (const runner of runners) runner.heed(id);
  });
  const desk = new JobDesk({ store, kinds, now, newId: randomUUID, announce });
  return {
    store,
    desk,
    clock,
    announce,
    log,
    /** One runner more, as another server would have. */
    runner(options: { atOnce?: number } = {}) {
      const runner = new JobRunner({ store, kinds, now, newId: randomUUID, log, lookEveryMs: 20, ...options });
      runners.add(runner);
      onTestFinished(() => runner.close());
      runner.start();
      return runner;
    },
    /** A server that is killed: its runner goes on to work, but hears no more news and nobody waits for it. */
    forget(runner: JobRunner) {
      runners.delete(runner);
    },
    create: (request: unknown = {}) => desk.create({ type: 'batch', request, createdBy: 'ann' }),
    async until(id: string, isReached: (row: JobRow) => boolean): Promise<JobRow> {
      return vi.waitUntil(
        async () => {
          const row = await desk.get(id);
          return isReached(row) ? row : undefined;
        },
        { timeout: 8000, interval: 5 },
      ) as Promise<JobRow>;
    },
  };
}

/** Resolves when a signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
