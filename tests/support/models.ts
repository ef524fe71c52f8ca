import { vi } from 'vitest';
import type { EngineResult, InferenceEngine } from '../../src/inference/engine.ts';
import type { Model } from '../../src/registry/model.ts';

/** A registered model of float32 `x` [batch, 2], with what matters to a test in place of the usual. */
export const model = (own: Partial<Model> = {}): Model => ({
  id: 'iris:v1',
  modelName: 'iris',
  modelVersion: 'v1',
  framework: 'onnx',
  stage: 'candidate',
  status: 'active',
  blobSize: 3,
  digest: 'd'.repeat(64),
  inputSchema: { inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }] },
  outputSchema: { outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 2] }] },
  metadata: {},
  uploadedAt: 0,
  uploadedBy: 'ann',
  deploymentVersion: 1,
  trainingRunId: null,
  parentDeploymentVersion: null,
  promotedAt: null,
  promotedBy: null,
  ...own,
});

export const textModel = (own: Partial<Model> = {}): Model =>
  model({
    inputSchema: { inputs: [{ name: 'input_ids', dtype: 'int64', shape: [-1, -1] }] },
    info: { dimension: 2, maxTokens: 8, pooling: 'mean', normalize: true },
    ...own,
  });

export const localPackage = { digest: 'd'.repeat(64), directory: '/nowhere', entry: 'model.onnx' };

/** An engine that gives one answer and notes what it was asked. */
export function fakeEngine(answer: () => EngineResult | Promise<EngineResult>) {
  return {
    load: vi.fn(async () => ({ inputs: [], outputs: [], memoryBytes: 1, loadMs: 12 })),
    predict: vi.fn<InferenceEngine['predict']>(async () => answer()),
    release: vi.fn(),
    unload: vi.fn(async () => {}),
    status: vi.fn<InferenceEngine['status']>(),
    close: vi.fn(async () => {}),
  } satisfies InferenceEngine;
}
