import type { Predictor } from '../inference/predictor.ts';
import type { Model } from '../registry/model.ts';
import type { Registry } from '../registry/registry.ts';

export interface PreloadPorts {
  readonly registry: Registry;
  readonly predictor: Predictor;
  readonly log: (level: 'warn' | 'error', message: string, cause?: unknown) => void;
  /** Whether the server is stopping, so that loading has become pointless. */
  readonly isStopping: () => boolean;
}

/** Loads a version that asks for it with `metadata.preload`, and warms it up. Never throws. */
export async function preloadModel({ predictor, log, isStopping }: Omit<PreloadPorts, 'registry'>, model: Model) {
  if (!model.metadata.preload || isStopping()) return;
  try {
    await predictor.warmUp(model);
  } catch (error) {
    if (!isStopping()) log('warn', `model ${model.id} could not be preloaded`, error);
  }
}

/** Preloads what is registered, one after the other, versions in production first and archived ones never. */
export async function preloadModels(ports: PreloadPorts): Promise<void> {
  const models = (await ports.registry.list()).filter(({ stage }) => stage !== 'archived');
  const isFirst = ({ stage }: Model) => stage === 'production';
  for (const model of [...models.filter(isFirst), ...models.filter((one) => !isFirst(one))]) {
    await preloadModel(ports, model);
  }
}
