import { AppError } from '../errors.ts';
import type { Model } from '../registry/model.ts';
import type { Registry } from '../registry/registry.ts';

/** Answers which version serves a caller: the one named, else the production version, else the newest. */
export class VersionRouter {
  readonly #registry: Registry;
  readonly #requireProduction: boolean;
  /** Version by name; dropped whenever a name's versions change, also while it is still being read. */
  readonly #serving = new Map<string, Promise<string>>();

  constructor(registry: Registry, options: { readonly requireProduction: boolean }) {
    this.#registry = registry;
    this.#requireProduction = options.requireProduction;
  }

  /** @throws AppError MODEL_NOT_FOUND, NO_PRODUCTION */
  async resolve(modelName: string, modelVersion?: string): Promise<Model> {
    return this.#registry.get(modelName, modelVersion ?? (await this.#servingVersion(modelName)));
  }

  forget(modelName: string): void {
    this.#serving.delete(modelName);
  }

  #servingVersion(modelName: string): Promise<string> {
    const known = this.#serving.get(modelName);
    if (known) return known;
    const chosen = this.#choose(modelName);
    this.#serving.set(modelName, chosen);
    chosen.catch(() => {
      if (this.#serving.get(modelName) === chosen) this.#serving.delete(modelName);
    });
    return chosen;
  }

  async #choose(modelName: string): Promise<string> {
    const versions = await this.#registry.versions(modelName);
    const production = versions.find((model) => model.stage === 'production');
    if (production) return production.modelVersion;
    if (this.#requireProduction) {
      throw new AppError(
        'NO_PRODUCTION',
        `Model "${modelName}" has no version in production. Name a version, or register one with stage production.`,
      );
    }
    return (versions[0] as Model).modelVersion;
  }
}
