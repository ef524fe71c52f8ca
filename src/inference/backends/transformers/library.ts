import { AppError } from '../../../errors.ts';
import { weightPaths } from './weight-paths.ts';

export type Transformers = typeof import('@huggingface/transformers');

let imported: Promise<Transformers> | undefined;

/**
 * Imports Transformers.js and takes away its ways to the network and to files outside a package.
 *
 * @param allowRemote  whether it may ask the hub for what a pipeline needs beside its package.
 * @throws AppError BACKEND_NOT_INSTALLED
 */
export async function startTransformers(allowRemote: boolean): Promise<Transformers> {
  imported ??= import('@huggingface/transformers');
  let library: Transformers;
  try {
    library = await imported;
  } catch (cause) {
    imported = undefined;
    throw new AppError(
      'BACKEND_NOT_INSTALLED',
      'Expected the package @huggingface/transformers, but it cannot be loaded here; run: npm install @huggingface/transformers@4.3.1',
      { cause },
    );
  }
  const { env, LogLevel } = library;
  Object.assign(env, {
    allowLocalModels: true,
    allowRemoteModels: allowRemote,
    // A package is a folder of its own and known by its digest: nothing is kept beside it.
    useFSCache: false,
    useBrowserCache: false,
    useCustomCache: true,
    customCache: weightPaths(() => env.remoteHost),
    useWasmCache: false,
    cacheDir: null,
    fetch: allowRemote ? globalThis.fetch : refuseNetwork,
    // Its messages quote inputs and name files of this machine; what failed reaches the caller as an error.
    logLevel: LogLevel.NONE,
  });
  return library;
}

async function refuseNetwork(): Promise<never> {
  throw new AppError(
    'MODEL_LOAD_FAILED',
    'Expected everything the model needs in its package, but it wants a file of the hub; add the file, or set ALLOW_REMOTE_MODELS=true',
  );
}
