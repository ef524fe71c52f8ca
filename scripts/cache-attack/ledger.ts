import { tableModel } from '../durability/model-bytes.ts';

/** Rows of each model's table; what a row holds tells the model. */
export const rows = 4;

export type Presence = 'there' | 'gone' | 'unknown';

/** What was seen of a version when a question began, to be compared when its answer has come. */
export interface Sight {
  readonly presence: Presence;
  readonly epoch: number;
  /** Milliseconds since the last change was answered. */
  readonly settledMs: number;
}

/**
 * What is known of one version from the answers to its changes. While changes overlap nobody can know their order,
 * so afterwards the version is `unknown` until a change that had it for itself.
 */
export class VersionLedger {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly seed: number;
  #presence: Presence = 'gone';
  #epoch = 0;
  #changing = 0;
  #contested = false;
  #settledAt = 0;
  /** When the registration that made it began and was answered; undefined when that is not known. */
  registered: { readonly began: number; readonly ended: number } | undefined;

  constructor(modelName: string, modelVersion: string, seed: number) {
    this.modelName = modelName;
    this.modelVersion = modelVersion;
    this.seed = seed;
  }

  /** Runs a change; `work` says whether the version is there afterwards, or that its answer tells nothing. */
  async change(work: () => Promise<{ readonly presence: Presence; readonly isNew?: boolean }>): Promise<void> {
    this.#changing += 1;
    this.#epoch += 1;
    if (this.#changing > 1) this.#contested = true;
    const began = performance.now();
    let after: { readonly presence: Presence; readonly isNew?: boolean } = { presence: 'unknown' };
    try {
      after = await work();
    } finally {
      const ended = performance.now();
      this.#changing -= 1;
      this.#epoch += 1;
      this.#settledAt = ended;
      this.#presence = this.#contested ? 'unknown' : after.presence;
      if (this.#contested) this.registered = undefined;
      else if (after.isNew) this.registered = { began, ended };
      if (this.#changing === 0) this.#contested = false;
    }
  }

  look(): Sight {
    const presence = this.#changing > 0 ? 'unknown' : this.#presence;
    return { presence, epoch: this.#epoch, settledMs: performance.now() - this.#settledAt };
  }

  /** What was true from `before` until now without a break. */
  since(before: Sight): Presence {
    return this.#epoch === before.epoch ? before.presence : 'unknown';
  }

  bytes(): Buffer {
    return tableModel(rows, this.seed).bytes;
  }

  /** Bytes of another model, which must never come in under this version. */
  otherBytes(): Buffer {
    return tableModel(rows, this.seed + 0x40000000).bytes;
  }

  /** The values that the model must answer for a row. */
  row(index: number): readonly number[] {
    return tableModel(rows, this.seed).row(index);
  }
}

export interface ModelLedger {
  readonly modelName: string;
  /** Its versions stand in production, where other rules hold: not to be deleted, served by the other runner. */
  readonly inProduction: boolean;
  readonly versions: VersionLedger[];
}

export const mostVersions = 3;

/**
 * Models by number. One in ten is a production model; one in ten has the very bytes of its neighbour, so that
 * deleting one must leave the other's files alone.
 */
export function newLedger(models: number): ModelLedger[] {
  return Array.from({ length: models }, (_, number) => {
    const modelName = `attacked-${number}`;
    const seedBase = number % 10 === 1 ? number + 1 : number;
    const versions = Array.from(
      { length: mostVersions },
      (_unused, index) => new VersionLedger(modelName, `v${index + 1}`, seedBase * mostVersions + index + 1),
    );
    return { modelName, inProduction: number % 10 === 0, versions };
  });
}
