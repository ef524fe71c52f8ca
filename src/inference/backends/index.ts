import type { Backend } from '../backend.ts';
import { OnnxBackend } from './onnx.ts';
import { TensorflowBackend } from './tensorflow.ts';
import { TransformersBackend } from './transformers.ts';

/** What backends are told of the server's settings; a runner has no environment to read them from. */
export interface BackendSettings {
  /** Whether a framework may ask its public hub for what a package lacks. */
  readonly allowRemoteModels?: boolean;
}

/** Every framework that runs models here. Adding one is a file and a line. */
export const backends = {
  onnx: () => new OnnxBackend(),
  tensorflow: () => new TensorflowBackend(),
  transformers: (settings: BackendSettings = {}) => new TransformersBackend(settings),
} as const satisfies Record<string, (settings?: BackendSettings) => Backend>;

export type BackendName = keyof typeof backends;
export const backendNames = Object.keys(backends) as readonly BackendName[];

/** The backends as makers that need to be told nothing more. */
export const backendsWith = (settings: BackendSettings): Record<BackendName, () => Backend> => {
  const bound = backendNames.map((name) => [name, () => backends[name](settings)] as const);
  return Object.fromEntries(bound) as Record<BackendName, () => Backend>;
};
