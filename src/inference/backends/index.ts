import type { Backend } from '../backend.ts';
import { OnnxBackend } from './onnx.ts';
import { TensorflowBackend } from './tensorflow.ts';

/** Every framework that runs models here. Adding one is a file and a line. */
export const backends = {
  onnx: () => new OnnxBackend(),
  tensorflow: () => new TensorflowBackend(),
} as const satisfies Record<string, () => Backend>;

export type BackendName = keyof typeof backends;
export const backendNames = Object.keys(backends) as readonly BackendName[];
