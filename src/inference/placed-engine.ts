import type { Backend } from './backend.ts';
import type {
  EngineInput,
  EngineModel,
  EngineResult,
  EngineStatus,
  InferenceEngine,
  ModelInfo,
  PredictOptions,
} from './engine.ts';

export interface PlacedEngines {
  /** Which of the two runs a framework. */
  readonly placementOf: (framework: EngineModel['framework']) => Backend['placement'];
  readonly runner: InferenceEngine;
  readonly inline: InferenceEngine;
}

/** One engine made of two: models that compute run in the runners, those that wait for a server run here. */
export class PlacedEngine implements InferenceEngine {
  readonly #engines: PlacedEngines;

  constructor(engines: PlacedEngines) {
    this.#engines = engines;
  }

  load(model: EngineModel): Promise<ModelInfo> {
    return this.#of(model).load(model);
  }

  predict(model: EngineModel, input: EngineInput, options: PredictOptions): Promise<EngineResult> {
    return this.#of(model).predict(model, input, options);
  }

  /** A digest says nothing of the framework, and the same bytes may be registered as two. */
  release(digest: string): void {
    for (const engine of this.#all()) engine.release(digest);
  }

  async unload(digest: string): Promise<void> {
    await Promise.all(this.#all().map((engine) => engine.unload(digest)));
  }

  async status(): Promise<EngineStatus> {
    const [runner, inline] = await Promise.all([this.#engines.runner.status(), this.#engines.inline.status()]);
    const sum = (field: keyof EngineStatus['queues']) => runner.queues[field] + inline.queues[field];
    return {
      models: [...runner.models, ...inline.models],
      runners: runner.runners,
      queues: { inFlight: sum('inFlight'), queued: sum('queued'), limit: sum('limit') },
      backends: { ...runner.backends, ...inline.backends },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((engine) => engine.close()));
  }

  #of({ framework }: EngineModel): InferenceEngine {
    return this.#engines[this.#engines.placementOf(framework)];
  }

  #all(): InferenceEngine[] {
    return [this.#engines.runner, this.#engines.inline];
  }
}
