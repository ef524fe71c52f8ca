import type { Backend, BackendSettings } from '../backend.ts';
import { OnnxBackend } from './onnx.ts';
import { TensorflowBackend } from './tensorflow.ts';
import { TransformersBackend } from './transformers.ts';

/**
 * Frameworks that block their thread, and so run in a runner. A runner imports these alone and starts with them, so
 * each imports what it needs when it is used: others wait for a runner that replaces a dead one.
 */
export const runnerBackends = {
  onnx: () => new OnnxBackend(),
  tensorflow: () => new TensorflowBackend(),
  transformers: (settings: BackendSettings = {}) => new TransformersBackend(settings),
} as const satisfies Record<string, (settings?: BackendSettings) => Backend>;

/** Backends as makers that need to be told nothing more. */
export const boundTo = (
  settings: BackendSettings,
  makers: Readonly<Record<string, (settings?: BackendSettings) => Backend>>,
): Readonly<Record<string, () => Backend>> =>
  Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, () => make(settings)]));
