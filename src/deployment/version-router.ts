import { AppError } from '../errors.ts';
import type { Model } from '../registry/model.ts';
import type { Registry } from '../registry/registry.ts';

/** Answers which version serves a caller: the one named, else the production version, else the newest. */
export class VersionRouter {
  readonly #registry: Registry;
  readonly #requireProduction: boolean;
  /** Version by name; dropped whenever a name's versions change. */
  readonly #serving = new Map<string, string>();

  constructor(registry: Registry, options: { readonly requireProduction: boolean }) {
    this.#registry = registry;
    this.#requireProduction = options.requireProduction;
  }

  /** @throws AppError MODEL_NOT_FOUND, NO_PRODUCTION */
  async resolve(modelName: string, modelVersion?: string): Promise<Model> {
    if (modelVersion !== undefined) return this.#registry.get(modelName, modelVersion);
    const known = this.#serving.get(modelName);
    if (known !== undefined) return this.#registry.get(modelName, known);
    const model = await this.#choose(modelName);
    this.#serving.set(modelName, model.modelVersion);
    return model;
  }

  forget(modelName: string): void {
    this.#serving.delete(modelName);
  }

  async #choose(modelName: string): Promise<Model> {
    const versions = await this.#registry.versions(modelName);
    const production = versions.find((model) => model.stage === 'production');
    if (production) return production;
    if (this.#requireProduction) {
      throw new AppError(
        'NO_PRODUCTION',
        `Model "${modelName}" has no version in production. Name a version, or register one with stage production.`,
      );
    }
    return versions[0] as Model;
  }
}
