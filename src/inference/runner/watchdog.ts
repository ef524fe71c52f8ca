import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';
import { monotonicMs } from '../batching/monotonic.ts';
import { type KillReason, writeKillReason } from './marker.ts';
import { anonymousMemoryOf } from './resident-memory.ts';
import { RunClock } from './run-clock.ts';

/**
 * The thread that ends a runner which cannot end itself, because native code blocks its main thread: when a run
 * passes its limit, when memory passes its limit, and when the parent is gone.
 */
export interface WatchdogData {
  readonly clock: SharedArrayBuffer;
  readonly markerPath: string;
  readonly memoryLimitBytes: number;
  /** A pipe held open by the parent; its end means that nobody wants this process any more. */
  readonly leashFd: number | undefined;
}

const TICK_MS = 20;
/** Reading `/proc` costs more than reading a clock, so memory is looked at on every fifth tick. */
const TICKS_PER_MEMORY_CHECK = 5;

const { clock: memory, markerPath, memoryLimitBytes, leashFd } = workerData as WatchdogData;
const clock = new RunClock(memory);
const marker = openSync(markerPath, 'r+');

function endProcess(reason?: KillReason): void {
  if (reason) writeKillReason(marker, reason);
  process.kill(process.pid, 'SIGKILL');
}

let ticks = 0;
setInterval(() => {
  ticks += 1;
  if (clock.isOverdue(monotonicMs())) endProcess('timeout');
  else if (ticks % TICKS_PER_MEMORY_CHECK === 0 && anonymousMemoryOf('self') > memoryLimitBytes) endProcess('memory');
}, TICK_MS);

if (leashFd !== undefined) {
  const leash = new Socket({ fd: leashFd, readable: true, writable: false });
  leash.on('close', () => endProcess());
  leash.on('error', () => endProcess());
  leash.resume();
}
