import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import type { Config } from '../config.ts';
import { VersionRouter } from '../deployment/version-router.ts';
import type { InferenceEngine } from '../inference/engine.ts';
import { describe, Predictor, type Waiting } from '../inference/predictor.ts';
import type { LogFields } from '../lib/structured-log.ts';
import { EventRecorder } from '../monitoring/events/event-recorder.ts';
import { FeedbackDesk } from '../monitoring/feedback/feedback.ts';
import { VectorCache } from '../personalization/vector-cache.ts';
import type { Model } from '../registry/model.ts';
import { PackageStore } from '../registry/package-store.ts';
import { Registry } from '../registry/registry.ts';
import type { Store } from '../store/store.ts';
import { type CheckLevel, checkModel } from './check-model.ts';
import { type ImportedEvent, importEvent } from './import-event.ts';
import { createJobs } from './jobs.ts';
import { type PersonalizeRequest, personalize } from './personalize.ts';
import { type PredictRequest, predict, type Watching } from './predict.ts';
import { type BatchRequest, predictBatch } from './predict-batch.ts';
import { type Asker, PredictionDesk } from './prediction-desk.ts';
import { preloadModel, preloadModels } from './preload.ts';

export interface AppPorts {
  readonly store: Store;
  readonly engine: InferenceEngine;
  readonly versions: Readonly<Record<'product' | 'harper' | 'onnxruntime', string>>;
  /** Tells the other threads that a model's versions changed. */
  readonly announce: (change: ModelChange) => void;
  /** Tells the thread that runs jobs about one that is new or was changed. */
  readonly announceJob: (id: string) => void;
  /** The folder `models/` of this product, from which models may be fetched. */
  readonly modelsFolder: string;
  readonly log: (level: 'warn' | 'error', message: string, cause?: unknown, fields?: LogFields) => void;
  readonly now: () => number;
  readonly elapsed: () => number;
  /** Whether the server is about to end; readiness says so. */
  readonly isStopping?: () => boolean;
}

export interface ModelChange {
  readonly modelName: string;
  readonly retiredDigest?: string;
}

export type App = ReturnType<typeof createApp>;

/** Builds the parts and joins them. Every thread of the server has one. */
export function createApp(config: Config, ports: AppPorts) {
  const { store, engine, now, elapsed } = ports;
  const packages = new PackageStore(join(config.AI_OPS_ROOT, 'models'), config.MAX_MODEL_BYTES);
  const registry: Registry = new Registry({
    store,
    packages,
    now,
    async firstLoad(local, framework, metadata) {
      const model = describe(local, framework, metadata, 'candidates', config.INFERENCE_TIMEOUT_MS);
      const { inputs, outputs, text, fields } = await engine.load(model);
      return { inputs, outputs, ...(text && { text }), ...(fields && { fields }) };
    },
    onChange(change) {
      followChange(change);
      ports.announce(change);
    },
    // In the background: an upload is answered when it is stored.
    onAdded: (model) => void preloadModel(preloading, model),
  });
  const router = new VersionRouter(registry, { requireProduction: config.REQUIRE_PRODUCTION, now });
  const predictor = new Predictor({
    engine,
    packageOf: (model) => registry.localPackage(model),
    isGone: (local) => packages.isGone(local),
    timeoutMs: config.INFERENCE_TIMEOUT_MS,
    elapsed,
  });
  const isStopping = ports.isStopping ?? (() => false);
  const preloading = { registry, predictor, log: ports.log, isStopping };
  const recorder = new EventRecorder(store.events, (error) => ports.log('error', 'a buffered event was lost', error));
  const desk = new PredictionDesk({ router, recorder, now, elapsed, newId: uuid, log: ports.log });
  const feedback = new FeedbackDesk({
    store,
    now,
    async taskOf({ modelName, modelVersion }) {
      if (modelVersion === null) return undefined;
      const model = await registry.get(modelName, modelVersion).catch(() => undefined);
      return model?.metadata;
    },
  });
  const jobs = createJobs(config, { ...ports, registry, packages });
  const vectors = new VectorCache();

  /** Drops what this thread remembers of a model whose versions changed, here or on another thread. */
  function followChange({ modelName, retiredDigest }: ModelChange) {
    router.forget(modelName);
    registry.forget(modelName);
    if (retiredDigest === undefined) return;
    packages.forget(retiredDigest);
    void engine
      .unload(retiredDigest)
      .catch((error) => ports.log('warn', 'a deleted model could not be unloaded', error));
  }

  return {
    config,
    store,
    engine,
    versions: ports.versions,
    log: ports.log,
    isStopping,
    now,
    elapsed,
    registry,
    packages,
    predictor,
    desk,
    feedback,
    jobs,
    importEvent: (event: ImportedEvent, caller: string) =>
      importEvent({ registry, recorder, feedback, now }, event, caller),
    predict: (request: PredictRequest, asker: Asker, watching?: Watching) =>
      predict(desk, predictor, request, asker, watching),
    predictBatch: (request: BatchRequest, waiting?: Waiting) =>
      predictBatch({ desk, predictor, resolve: (...named) => router.resolve(...named), elapsed }, request, waiting),
    preload: () => preloadModels(preloading),
    checkModel: (model: Model, level: CheckLevel) => checkModel({ store, packages, predictor }, model, level),
    personalize: (request: PersonalizeRequest, asker: Asker, waiting?: Waiting) =>
      personalize({ desk, predictor, cache: vectors, elapsed }, request, asker, waiting),
    followChange,
    discard: (path: string) => rm(path, { force: true }),
    async close() {
      await jobs.runner.close();
      await recorder.close();
      await engine.close();
    },
  };
}
