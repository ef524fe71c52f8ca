import type { Backend, BackendSettings } from '../backend.ts';
import { boundTo, runnerBackends } from './in-runner.ts';
import { OllamaBackend } from './ollama.ts';

/** Every framework that answers here. Adding one is a file and a line: here, or in `in-runner.ts`. */
export const backends = {
  ...runnerBackends,
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
  return boundTo(settings, Object.fromEntries(here.map((name) => [name, backends[name]])));
}
