import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { onTestFinished, vi } from 'vitest';
import { createApp } from '../../src/app/create-app.ts';
import { readConfig } from '../../src/config.ts';
import type { EngineInput, EngineResult, ModelInfo } from '../../src/inference/engine.ts';
import type { Registration } from '../../src/registry/new-model-row.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { fakeEngine } from './models.ts';

const timing = { queueMs: 0, tokenizeMs: 1, runMs: 2, postMs: 0 };

/** Texts become one number each, their length; tensors come back as they went. */
function answerTo(input: EngineInput): EngineResult {
  if (input.kind === 'tensors') return { outputs: { y: Object.values(input.tensors)[0] ?? [] } as never, timing };
  const data = Float32Array.from(input.texts.flatMap((text) => [text.length, 1]));
  const embedding = { dtype: 'float32' as const, shape: [input.texts.length, 2], data };
  return { outputs: { embedding }, timing, promptTokens: input.texts.length };
}

/** The whole product but Harper and the runner: a memory store, and an engine that needs no model. */
export async function tinyApp(environment: Readonly<Record<string, string>> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'app-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const engine = {
    ...fakeEngine(() => ({ outputs: {}, timing })),
    predict: vi.fn(async (_model: unknown, input: EngineInput) => answerTo(input)),
    load: vi.fn(async (model: { directory: string }): Promise<ModelInfo> => {
      const isText = readdirSync(model.directory).includes('tokenizer.json');
      return {
        inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 2] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 2] }],
        ...(isText && { text: { dimension: 2, maxTokens: 8, pooling: 'mean', normalize: false } }),
        memoryBytes: 1,
        loadMs: 1,
      };
    }),
  };
  const ports = {
    store: memoryStore(),
    engine,
    versions: { product: '1.2.3', harper: '4', onnxruntime: '1' },
    announce: vi.fn(),
    announceJob: vi.fn(),
    modelsFolder: join(root, 'models-of-the-product'),
    log: vi.fn(),
    now: () => 1_000_000,
    elapsed: () => 0,
  };
  const app = createApp(readConfig({ AI_OPS_ROOT: root, ...environment }), ports);
  return {
    app,
    ports,
    engine,
    async register(wanted: Partial<Registration> = {}, bytes: string | Buffer = 'weights') {
      const registration = {
        modelName: 'iris',
        modelVersion: 'v1',
        framework: 'onnx',
        stage: 'candidate',
        metadata: {},
        ...wanted,
      } as const;
      const file = await app.packages.receive(Readable.from([Buffer.from(bytes)]));
      return (await app.registry.register(registration, file, 'ann')).model;
    },
  };
}
