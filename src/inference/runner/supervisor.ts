import { rmSync } from 'node:fs';
import { monotonicMs } from '../batching/monotonic.ts';
import type { QuarantineReason, Serves } from '../engine.ts';
import { readMarker } from './marker.ts';
import { type Notice, NoticeBoard, type Quarantined, type Verdict } from './notices.ts';
import { Quarantine } from './quarantine.ts';
import { RunnerSlot } from './runner-slot.ts';
import { prepareRuntimeDirectory } from './runtime-directory.ts';
import type { RunnerSettings } from './start.ts';

export interface SupervisorOptions {
  /** The compiled `runner/main.js`. */
  readonly entryPath: string;
  /** A short path for sockets, the same for all threads of the server; see `defaultRuntimeDirectory`. */
  readonly directory: string;
  /** Where the quarantine survives a restart. */
  readonly stateDirectory: string;
  readonly settings?: Partial<Omit<RunnerSettings, 'socketPath' | 'markerPath'>>;
  /** A spare runner ends after so long without work. */
  readonly spareIdleMs?: number;
  readonly onQuarantine?: (entry: Quarantined) => void;
  readonly onRestart?: (restart: RunnerRestart) => void;
}

export interface RunnerRestart {
  readonly runner: string;
  readonly culprit?: string;
  readonly reason?: QuarantineReason;
  /** The end of what the process wrote to standard error. */
  readonly lastWords: string;
}

const GIB = 2 ** 30;
const defaults: Omit<RunnerSettings, 'socketPath' | 'markerPath'> = {
  memoryLimitBytes: 4 * GIB,
  loadTimeoutMs: 120_000,
  maxModels: 10,
  maxBytes: 2 * GIB,
  queueLimit: 256,
  allowRemoteModels: false,
};

const kinds: readonly Serves[] = ['production', 'candidates'];

/**
 * Keeps the runners of a server alive and remembers which models kill them. Lives in one thread; the others hear
 * of it through the notice board. When that thread or the process ends, so do the runners.
 */
export class RunnerSupervisor {
  readonly #options: SupervisorOptions;
  readonly #board: NoticeBoard;
  readonly #quarantine: Quarantine;
  readonly #slots = new Map<string, RunnerSlot>();
  readonly #spareAskedAt = new Map<string, number>();
  /** Spares that are about to end. */
  readonly #leaving = new Set<RunnerSlot>();
  readonly #spareCheck: NodeJS.Timeout;
  #closing: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    prepareRuntimeDirectory(options.directory);
    this.#quarantine = new Quarantine(options.stateDirectory);
    this.#board = new NoticeBoard(options.directory, (notice) => this.#hear(notice));
    for (const serves of kinds) this.#openSlot(serves, false);
    const idleMs = this.#spareIdleMs;
    this.#spareCheck = setInterval(() => this.#endIdleSpares(), Math.min(5000, idleMs / 4)).unref();
    this.#tellState();
  }

  /** Gives a quarantined model another chance. */
  release(digest: string): void {
    if (this.#quarantine.release(digest)) this.#tellState();
  }

  /** Counts an offence of a model that did not kill its runner. */
  strike(digest: string, reason: QuarantineReason): void {
    const entry = this.#quarantine.strike(digest, reason);
    if (!entry) return;
    this.#tellState();
    this.#options.onQuarantine?.(entry);
  }

  quarantined(): readonly Quarantined[] {
    return this.#quarantine.list();
  }

  /** Ends all runners and waits for their end; may be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#spareCheck);
    const slots = [...this.#slots.values(), ...this.#leaving];
    this.#slots.clear();
    await Promise.all(slots.map((slot) => slot.close()));
    this.#tellState();
    this.#board.close();
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  get #spareIdleMs(): number {
    return this.#options.spareIdleMs ?? 60_000;
  }

  #hear(notice: Notice): void {
    if (notice.type === 'hello') this.#tellState();
    else if (notice.type === 'spare') this.#openSpare(notice.serves);
    else if (notice.type === 'strike') this.strike(notice.digest, notice.reason);
    else if (notice.type === 'release') this.release(notice.digest);
  }

  #openSpare(serves: Serves): void {
    const id = `${serves}-spare`;
    this.#spareAskedAt.set(id, monotonicMs());
    if (!this.#slots.has(id)) this.#openSlot(serves, true);
  }

  #openSlot(serves: Serves, spare: boolean): void {
    const { entryPath, directory, settings } = this.#options;
    const slot: RunnerSlot = new RunnerSlot({
      serves,
      spare,
      entryPath,
      directory,
      settings: { ...defaults, ...settings },
      onChange: () => this.#tellState(),
      onDeath: ({ verdict, lastWords }) => this.#bury(slot, verdict, lastWords),
    });
    this.#slots.set(slot.id, slot);
  }

  /** Clients hear the verdict before they hear of the next runner, and so does a quarantined model's next request. */
  #bury(slot: RunnerSlot, verdict: Verdict, lastWords: string): void {
    const { culprit, reason } = verdict;
    this.#board.post({ type: 'died', ...verdict });
    const entry = culprit !== undefined && reason ? this.#quarantine.strike(culprit, reason) : undefined;
    this.#options.onRestart?.({
      runner: slot.id,
      lastWords,
      ...(culprit !== undefined && { culprit }),
      ...(reason && { reason }),
    });
    if (entry) this.#options.onQuarantine?.(entry);
  }

  #endIdleSpares(): void {
    const longAgo = monotonicMs() - this.#spareIdleMs;
    for (const [id, slot] of this.#slots) {
      const { address } = slot;
      if (!address?.spare || (this.#spareAskedAt.get(id) ?? 0) > longAgo) continue;
      const marker = readMarker(address.markerPath);
      if (marker?.phase !== 'idle' || marker.startedAt > longAgo) continue;
      this.#slots.delete(id);
      // Clients stop using it with this news; one that was just sending loses a connection and asks again elsewhere.
      this.#tellState();
      this.#leaving.add(slot);
      setTimeout(() => void slot.close().then(() => this.#leaving.delete(slot)), 500).unref();
    }
  }

  #tellState(): void {
    const runners = [...this.#slots.values()].flatMap(({ address }) => (address ? [address] : []));
    this.#board.post({ type: 'state', runners, quarantined: this.#quarantine.list() });
  }
}
