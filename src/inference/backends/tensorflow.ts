import { AppError } from '../../errors.ts';
import type { Backend, BackendAvailability, LoadedModel, LoadOptions, ModelPackage } from '../backend.ts';
import { loadFailure } from './tensorflow/failures.ts';
import { loadGraphProgram } from './tensorflow/graph-program.ts';
import { loadLayersProgram } from './tensorflow/layers-program.ts';
import { TensorflowModel } from './tensorflow/loaded-model.ts';
import { holdsTexts, type ModelJson, readModelJson } from './tensorflow/package-files.ts';
import type { Program } from './tensorflow/program.ts';
import { exclusively, startTensorflow, useRuntime } from './tensorflow/runtime.ts';

/**
 * TensorFlow.js: converted graphs and Keras layers models, from the files of a package. It runs on TensorFlow's
 * library where `@tensorflow/tfjs-node` is installed, else on WebAssembly; a model with texts, on which WebAssembly
 * would end for good, or with an operation that is missing there runs in plain JavaScript. It has one thread and one
 * device, the CPU.
 */
export class TensorflowBackend implements Backend {
  readonly placement = 'runner';

  async load(files: ModelPackage, { device = 'cpu' }: LoadOptions): Promise<LoadedModel> {
    if (device !== 'cpu') {
      throw new AppError(
        'DEVICE_UNAVAILABLE',
        `Expected the device cpu, the only one TensorFlow.js has here, came "${device}"; set the device to cpu`,
      );
    }
    const { tf, best } = await startTensorflow();
    const json = await readModelJson(files);
    const runtime = best === 'wasm' && holdsTexts(json) ? 'cpu' : best;
    return exclusively(async () => {
      await useRuntime(tf, runtime);
      const before = tf.memory().numBytes;
      let program: Program | undefined;
      try {
        program = await loadProgram(json, files);
        const model = new TensorflowModel(tf, program, runtime, tf.memory().numBytes - before);
        await model.warmUp();
        return model;
      } catch (error) {
        program?.dispose();
        throw loadFailure(error);
      }
    });
  }

  async availability(): Promise<BackendAvailability> {
    try {
      const { tf, best } = await startTensorflow();
      return { available: true, runtime: best, version: tf.version_core, devices: ['cpu'] };
    } catch (error) {
      return {
        available: false,
        detail: error instanceof AppError ? error.message : 'TensorFlow.js does not start here',
      };
    }
  }
}

const loadProgram = (json: ModelJson, files: ModelPackage): Promise<Program> =>
  json.modelTopology.node ? loadGraphProgram(json, files) : loadLayersProgram(json, files);
