import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../errors.ts';
import type { QuarantineReason } from '../engine.ts';
import type { Quarantined } from './notices.ts';

/** Deaths or exhausted memory that put a model away. */
const STRIKES = 2;
/** A strike that is older no longer counts: two accidents in a year are not a pattern. */
const STRIKE_LIFETIME_MS = 60 * 60_000;

interface Saved {
  readonly quarantined: readonly Quarantined[];
  readonly strikes: Readonly<Record<string, readonly number[]>>;
}

const fileIn = (stateDirectory: string): string => join(stateDirectory, 'quarantine.json');

function readSaved(stateDirectory: string): Saved {
  try {
    const saved = JSON.parse(readFileSync(fileIn(stateDirectory), 'utf8')) as Partial<Saved>;
    return { quarantined: saved.quarantined ?? [], strikes: saved.strikes ?? {} };
  } catch {
    // Missing on the first start. A damaged file must not keep the server from starting: models are then free again.
    return { quarantined: [], strikes: {} };
  }
}

/** The quarantined models as they were last written, for threads that did not write them. */
export const readQuarantined = (stateDirectory: string): readonly Quarantined[] =>
  readSaved(stateDirectory).quarantined;

/** Counts by digest what models did to their runners, and survives a restart in a small file. */
export class Quarantine {
  readonly #directory: string;
  readonly #now: () => number;
  readonly #quarantined = new Map<string, Quarantined>();
  readonly #strikes = new Map<string, readonly number[]>();

  constructor(stateDirectory: string, now: () => number = Date.now) {
    this.#directory = stateDirectory;
    this.#now = now;
    mkdirSync(stateDirectory, { recursive: true });
    const { quarantined, strikes } = readSaved(stateDirectory);
    for (const entry of quarantined) this.#quarantined.set(entry.digest, entry);
    for (const [digest, times] of Object.entries(strikes)) this.#strikes.set(digest, times);
  }

  /** @returns the entry when this strike put the model into quarantine. */
  strike(digest: string, reason: QuarantineReason): Quarantined | undefined {
    if (this.#quarantined.has(digest)) return undefined;
    const now = this.#now();
    const strikes = [...(this.#strikes.get(digest) ?? []).filter((time) => now - time < STRIKE_LIFETIME_MS), now];
    const entry = strikes.length >= STRIKES ? { digest, reason, since: now } : undefined;
    if (entry) {
      this.#strikes.delete(digest);
      this.#quarantined.set(digest, entry);
    } else {
      this.#strikes.set(digest, strikes);
    }
    this.#save();
    return entry;
  }

  /** Gives a model another chance. @returns whether anything was held against it. */
  release(digest: string): boolean {
    const known = this.#quarantined.delete(digest);
    const struck = this.#strikes.delete(digest);
    if (known || struck) this.#save();
    return known || struck;
  }

  list(): Quarantined[] {
    return [...this.#quarantined.values()];
  }

  /** By renaming, so that a reader sees the old file or the new one. */
  #save(): void {
    const path = fileIn(this.#directory);
    const saved: Saved = { quarantined: this.list(), strikes: Object.fromEntries(this.#strikes) };
    writeFileSync(`${path}.new`, `${JSON.stringify(saved, null, 2)}\n`);
    renameSync(`${path}.new`, path);
  }
}

const did: Record<QuarantineReason, string> = {
  crash: 'crashed its runner',
  timeout: 'did not return',
  memory: 'needed more memory than allowed',
};

/** The answer to a request for a model in quarantine. */
export const quarantinedError = ({ digest, reason }: Quarantined): AppError =>
  new AppError(
    'MODEL_QUARANTINED',
    `The model ${digest} is in quarantine because it ${did[reason]} twice; repair it, or reload it to try again`,
    {
      retryAfterSeconds: 60,
    },
  );
