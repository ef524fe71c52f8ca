import type { Backend, BackendSettings } from '../backend.ts';
import { OllamaBackend } from './ollama.ts';
import { OnnxBackend } from './onnx.ts';
import { TensorflowBackend } from './tensorflow.ts';
import { TransformersBackend } from './transformers.ts';

/** Every framework that answers here. Adding one is a file and a line. */
export const backends = {
  onnx: () => new OnnxBackend(),
  tensorflow: () => new TensorflowBackend(),
  transformers: (settings: BackendSettings = {}) => new TransformersBackend(settings),
  ollama: (settings: BackendSettings = {}) => new OllamaBackend(settings),
} as const satisfies Record<string, (settings?: BackendSettings) => Backend>;

export type BackendName = keyof typeof backends;
export const backendNames = Object.keys(backends) as readonly BackendName[];

/** The backends that run in one place, as makers that need to be told nothing more. */
export function backendsAt(
  placement: Backend['placement'],
  settings: BackendSettings = {},
): Readonly<Record<string, () => Backend>> {
  const here = backendNames.filter((name) => backends[name]().placement === placement);
  return Object.fromEntries(here.map((name) => [name, () => backends[name](settings)]));
}
