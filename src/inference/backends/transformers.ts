import { AppError } from '../../errors.ts';
import type {
  Backend,
  BackendAvailability,
  BackendSettings,
  LoadedModel,
  LoadOptions,
  ModelPackage,
} from '../backend.ts';
import { startTransformers } from './transformers/library.ts';

/**
 * Transformers.js over the files of a package in the layout of the Hugging Face hub: every pipeline of the library,
 * and text embeddings with the same batching as ONNX packages. It shares ONNX Runtime with the ONNX backend.
 */
export class TransformersBackend implements Backend {
  readonly placement = 'runner';
  readonly #allowRemote: boolean;

  /** @param settings.allowRemoteModels  lets the library ask its hub for settings that no package holds. */
  constructor({ allowRemoteModels = false }: BackendSettings = {}) {
    this.#allowRemote = allowRemoteModels;
  }

  async load(files: ModelPackage, options: LoadOptions): Promise<LoadedModel> {
    const library = await startTransformers(this.#allowRemote);
    // Runners that never see such a model start without the rules of its tasks.
    const { loadModel } = await import('./transformers/load-model.ts');
    return loadModel(library, files, options);
  }

  async availability(): Promise<BackendAvailability> {
    try {
      const { env } = await startTransformers(this.#allowRemote);
      return { available: true, runtime: 'native', devices: ['cpu'], version: env.version };
    } catch (error) {
      return {
        available: false,
        detail: error instanceof AppError ? error.message : 'Transformers.js does not start here',
      };
    }
  }
}
