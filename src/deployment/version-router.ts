import { AppError } from '../errors.ts';
import type { Model } from '../registry/model.ts';
import type { Registry } from '../registry/registry.ts';

export interface VersionRouterOptions {
  /** Whether a request without a version needs one in production. */
  readonly requireProduction: boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Changes of this node are told at once; one that came by replication is seen after so long at the latest. */
const keepMs = 1000;

interface Known {
  readonly model: Promise<Model>;
  readonly until: number;
}

/** Answers which version serves a caller: the one named, else the production version, else the newest. */
export class VersionRouter {
  readonly #registry: Registry;
  readonly #options: VersionRouterOptions;
  /** By name and version, no version included; dropped whenever the name changes, also while it is still being read. */
  readonly #known = new Map<string, Map<string | undefined, Known>>();

  constructor(registry: Registry, options: VersionRouterOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  /** @throws AppError MODEL_NOT_FOUND, NO_PRODUCTION */
  resolve(modelName: string, modelVersion?: string): Promise<Model> {
    const now = this.#options.now();
    const ofName = this.#known.get(modelName) ?? new Map<string | undefined, Known>();
    const known = ofName.get(modelVersion);
    if (known && now < known.until) return known.model;
    const model = modelVersion === undefined ? this.#choose(modelName) : this.#registry.get(modelName, modelVersion);
    this.#known.set(modelName, ofName.set(modelVersion, { model, until: now + keepMs }));
    model.catch(() => {
      if (ofName.get(modelVersion)?.model === model) ofName.delete(modelVersion);
      if (ofName.size === 0 && this.#known.get(modelName) === ofName) this.#known.delete(modelName);
    });
    return model;
  }

  forget(modelName: string): void {
    this.#known.delete(modelName);
  }

  async #choose(modelName: string): Promise<Model> {
    const versions = await this.#registry.versions(modelName);
    const production = versions.find((model) => model.stage === 'production');
    if (production) return production;
    if (this.#options.requireProduction) {
      throw new AppError(
        'NO_PRODUCTION',
        `Model "${modelName}" has no version in production. Name a version, or register one with stage production.`,
      );
    }
    return versions[0] as Model;
  }
}
