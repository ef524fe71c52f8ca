import { AppError } from '../../errors.ts';
import type {
  Backend,
  BackendAvailability,
  BackendSettings,
  LoadedModel,
  LoadOptions,
  ModelPackage,
} from '../backend.ts';
import { chooseTask } from './transformers/choose-task.ts';
import { loadFailure } from './transformers/failures.ts';
import { openHubPackage } from './transformers/hub-package.ts';
import { startTransformers } from './transformers/library.ts';
import { loadPipeline } from './transformers/pipeline-model.ts';
import { loadTextModel } from './transformers/text-model.ts';

/**
 * Transformers.js over the files of a package in the layout of the Hugging Face hub: every pipeline of the library,
 * and text embeddings with the same batching as ONNX packages. It shares ONNX Runtime with the ONNX backend.
 */
export class TransformersBackend implements Backend {
  readonly placement = 'runner';
  readonly #allowRemote: boolean;

  /** @param settings.allowRemoteModels  lets the library ask its hub for what no package holds, a vocoder for one. */
  constructor({ allowRemoteModels = false }: BackendSettings = {}) {
    this.#allowRemote = allowRemoteModels;
  }

  async load(files: ModelPackage, options: LoadOptions): Promise<LoadedModel> {
    const library = await startTransformers(this.#allowRemote);
    const hub = await openHubPackage(files);
    const task = chooseTask(hub, options.taskType);
    try {
      const texts = task === 'feature-extraction' ? await loadTextModel(library, hub, options) : undefined;
      return texts ?? (await loadPipeline(library, hub, task, options));
    } catch (error) {
      throw loadFailure(error, options.device ?? 'cpu');
    }
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
