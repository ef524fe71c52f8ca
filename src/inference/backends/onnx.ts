import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { AppError } from '../../errors.ts';
import type { Backend, BackendAvailability, LoadedModel, LoadOptions, ModelPackage } from '../backend.ts';
import { loadFailure } from './onnx/failures.ts';
import { OnnxModel } from './onnx/loaded-model.ts';

type OnnxRuntime = typeof import('onnxruntime-node');

/** Weights as read and as repacked for the kernels: int8 MiniLM took 1.8 times its file. */
const memoryPerFileByte = 2;

/**
 * ONNX Runtime's native binding. A run blocks its thread from beginning to end, so runs of one process follow
 * each other by themselves. Inputs with a default inside the model are not listed: the binding cannot set them.
 */
export class OnnxBackend implements Backend {
  readonly placement = 'runner';

  async load({ directory, entry }: ModelPackage, { device = 'cpu', threads = 1 }: LoadOptions): Promise<LoadedModel> {
    const runtime = await importRuntime();
    const file = path.join(directory, entry);
    const size = await stat(file).then(
      (stats) => stats.size,
      (cause: unknown) => {
        throw new AppError(
          'MODEL_LOAD_FAILED',
          `Expected the file ${entry} in the model's package, came none; upload the package again`,
          { cause },
        );
      },
    );
    let session: InferenceSession | undefined;
    try {
      // A path rather than bytes: ONNX Runtime reads the file itself, and no copy stays in JavaScript.
      session = await runtime.InferenceSession.create(file, {
        executionProviders: [device],
        executionMode: 'sequential',
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 4,
      });
      return new OnnxModel(runtime, session, size * memoryPerFileByte);
    } catch (error) {
      await session?.release();
      throw error instanceof AppError ? error : loadFailure(error, device);
    }
  }

  async availability(): Promise<BackendAvailability> {
    try {
      const { env, listSupportedBackends } = await importRuntime();
      const version = env.versions.node;
      // Bundled providers other than these still need a driver, which only a load can find out.
      const devices = listSupportedBackends().flatMap(({ name, bundled }) =>
        bundled && name !== 'webgpu' ? [name] : [],
      );
      return { available: true, runtime: 'native', devices, ...(version !== undefined && { version }) };
    } catch (error) {
      return {
        available: false,
        detail: error instanceof AppError ? error.message : 'ONNX Runtime does not start here',
      };
    }
  }
}

let imported: Promise<OnnxRuntime> | undefined;

async function importRuntime(): Promise<OnnxRuntime> {
  imported ??= import('onnxruntime-node').then(({ default: runtime }) => {
    // Messages reach the caller as errors; the native log would repeat them on standard error with file names.
    runtime.env.logLevel = 'fatal';
    return runtime;
  });
  try {
    return await imported;
  } catch (cause) {
    imported = undefined;
    throw new AppError(
      'BACKEND_NOT_INSTALLED',
      'Expected the package onnxruntime-node, but it cannot be loaded here; run: npm install onnxruntime-node@1.30.0',
      { cause },
    );
  }
}
