import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { RunPhase } from '../batching/run-watch.ts';
import type { QuarantineReason } from '../engine.ts';

/**
 * A small file in which a runner says what it is about to do, so that whoever finds it dead or silent knows which
 * model it was. Layout: 1 byte phase · 64 bytes digest · 8 bytes started-at · 1 byte reason. The reason is written
 * by the watchdog alone, just before it kills the process.
 */
const DIGEST_OFFSET = 1;
const STARTED_OFFSET = 65;
const REASON_OFFSET = 73;
const SIZE = 74;

const phases = ['idle', 'load', 'run'] as const;
const reasons = ['none', 'timeout', 'memory'] as const;
/** Why a watchdog killed its own process; without one it crashed. */
export type KillReason = Exclude<(typeof reasons)[number], 'none'> & QuarantineReason;

export interface MarkerState {
  readonly phase: (typeof phases)[number];
  /** The model at work; the last one when idle, empty before the first. */
  readonly digest: string;
  /** Milliseconds on the clock of `monotonicMs`. */
  readonly startedAt: number;
  readonly reason: KillReason | undefined;
}

/** The runner's end. Each write is one `pwrite` of a few bytes, so a dead process leaves what it wrote last. */
export class Marker {
  readonly #file: number;
  readonly #bytes = Buffer.alloc(SIZE);

  constructor(path: string) {
    this.#file = openSync(path, 'w+', 0o600);
    writeSync(this.#file, this.#bytes, 0, SIZE, 0);
  }

  begin(digest: string, phase: RunPhase, startedAt: number): void {
    this.#bytes[0] = phases.indexOf(phase);
    this.#bytes.write(digest.padEnd(64).slice(0, 64), DIGEST_OFFSET, 'latin1');
    this.#bytes.writeDoubleLE(startedAt, STARTED_OFFSET);
    writeSync(this.#file, this.#bytes, 0, REASON_OFFSET, 0);
  }

  end(): void {
    this.#bytes[0] = 0;
    writeSync(this.#file, this.#bytes, 0, 1, 0);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The watchdog's last word. `file` is open for writing. */
export function writeKillReason(file: number, reason: KillReason): void {
  writeSync(file, Buffer.of(reasons.indexOf(reason)), 0, 1, REASON_OFFSET);
}

/** What a marker says; undefined when it is missing or not whole. */
export function readMarker(path: string): MarkerState | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const phase = phases[bytes[0] ?? -1];
  if (bytes.length !== SIZE || !phase) return undefined;
  const reason = reasons[bytes[REASON_OFFSET] ?? 0];
  return {
    phase,
    digest: bytes.toString('latin1', DIGEST_OFFSET, STARTED_OFFSET).replace(/[\0 ]+$/, ''),
    startedAt: bytes.readDoubleLE(STARTED_OFFSET),
    reason: reason === 'none' ? undefined : reason,
  };
}
