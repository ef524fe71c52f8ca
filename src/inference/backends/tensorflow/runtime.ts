import { createRequire } from 'node:module';
import path from 'node:path';
import { AppError } from '../../../errors.ts';

export type Tensorflow = typeof import('@tensorflow/tfjs-core');
export type RuntimeName = 'native' | 'wasm' | 'cpu';

const engineNames = { native: 'tensorflow', wasm: 'wasm', cpu: 'cpu' } as const;

interface Started {
  readonly tf: Tensorflow;
  /** The fastest runtime of this machine. */
  readonly best: RuntimeName;
}

let started: Promise<Started> | undefined;

/**
 * TensorFlow.js with the fastest runtime that starts here: TensorFlow's own library, else WebAssembly, else
 * plain JavaScript. Imported once for each process, on first use.
 *
 * @throws AppError BACKEND_NOT_INSTALLED
 */
export async function startTensorflow(): Promise<Started> {
  started ??= start();
  try {
    return await started;
  } catch (cause) {
    started = undefined;
    const message =
      'Expected TensorFlow.js, but it cannot be loaded here; run: npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-converter@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0';
    throw new AppError('BACKEND_NOT_INSTALLED', message, { cause });
  }
}

async function start(): Promise<Started> {
  const tf = await import('@tensorflow/tfjs-core');
  // Keeps TensorFlow.js from writing advice to standard error.
  tf.enableProdMode();
  const failures: unknown[] = [];
  for (const best of ['native', 'wasm', 'cpu'] as const) {
    try {
      await useRuntime(tf, best);
      return { tf, best };
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'no TensorFlow.js runtime starts');
}

/** Makes a runtime the one in which the next operations run. Tensors move over when they are next used. */
export async function useRuntime(tf: Tensorflow, name: RuntimeName): Promise<void> {
  const engineName = engineNames[name];
  if (tf.getBackend() === engineName) return;
  if (!tf.findBackendFactory(engineName)) await register[name]();
  if (!(await tf.setBackend(engineName))) throw new Error(`the TensorFlow.js runtime ${name} does not start`);
}

// A name the compiler cannot follow: the package is optional and its types may be absent.
const nativePackage: string = '@tensorflow/tfjs-node';

const register: Record<RuntimeName, () => Promise<void>> = {
  native: async () => {
    await import(nativePackage);
  },
  wasm: async () => {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(`${path.dirname(main)}${path.sep}`);
  },
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu');
  },
};

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs work when all work given before has ended. TensorFlow.js has one runtime and one stack of scopes for
 * the whole process, so models that wait inside a run would otherwise dispose each other's tensors.
 */
export function exclusively<T>(work: () => Promise<T>): Promise<T> {
  const turn = last.then(work);
  last = turn.catch(() => undefined);
  return turn;
}
