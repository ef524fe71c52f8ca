import type { LoadedModel, LoadOptions, ModelPackage } from '../../backend.ts';
import { chooseTask } from './choose-task.ts';
import { loadFailure } from './failures.ts';
import { openHubPackage } from './hub-package.ts';
import type { Transformers } from './library.ts';
import { loadPipeline } from './pipeline-model.ts';
import { loadTextModel } from './text-model.ts';

/**
 * Loads a package as an encoder of texts where it is one, else as the pipeline of its task.
 *
 * @throws AppError MODEL_LOAD_FAILED, MODEL_MANIFEST, MODEL_DTYPE, MODEL_RESOURCE, DEVICE_UNAVAILABLE
 */
export async function loadModel(
  library: Transformers,
  files: ModelPackage,
  options: LoadOptions,
): Promise<LoadedModel> {
  const hub = await openHubPackage(files);
  const task = chooseTask(hub, options.taskType);
  try {
    const texts = task === 'feature-extraction' ? await loadTextModel(library, hub, options) : undefined;
    return texts ?? (await loadPipeline(library, hub, task, options));
  } catch (error) {
    throw loadFailure(error, options.device ?? 'cpu');
  }
}
