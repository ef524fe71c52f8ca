import { readFileSync } from 'node:fs';
import type { MarkerState } from './marker.ts';
import type { Verdict } from './notices.ts';

/** What a dead runner left behind. */
export interface Remains {
  readonly generation: string;
  readonly marker: MarkerState | undefined;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to standard error. */
  readonly lastWords: string;
  /** Whether the kernel killed a process for want of memory during its life. */
  readonly outOfMemoryKill: boolean;
}

/** Signals that only somebody else sends; a model is not to blame for them. */
const fromOutside: readonly (NodeJS.Signals | null)[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'];
const wantOfMemory = /heap out of memory|bad_alloc|cannot allocate memory|allocation failed/i;

/** Names the model that brought a runner down, and how. */
export function judge({ generation, marker, signal, lastWords, outOfMemoryKill }: Remains): Verdict {
  const culprit = marker && marker.phase !== 'idle' ? marker.digest : undefined;
  if (culprit === undefined) return { generation };
  if (marker?.reason) return { generation, culprit, reason: marker.reason };
  if (signal === 'SIGKILL' && outOfMemoryKill) return { generation, culprit, reason: 'memory' };
  if (fromOutside.includes(signal)) return { generation };
  return { generation, culprit, reason: wantOfMemory.test(lastWords) ? 'memory' : 'crash' };
}

/** How many processes the kernel of this machine has killed for want of memory; 0 where it does not say. */
export function outOfMemoryKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
