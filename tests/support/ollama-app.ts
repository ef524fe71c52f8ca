import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createApp } from '../../src/app/create-app.ts';
import { readConfig } from '../../src/config.ts';
import { backendsAt } from '../../src/inference/backends/index.ts';
import { InlineEngine, type InlineEngineOptions } from '../../src/inference/inline-engine.ts';
import { PlacedEngine } from '../../src/inference/placed-engine.ts';
import { inspectPackage } from '../../src/registry/gate/inspect-package.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ask } from './ask-front.ts';
import { fakeEngine } from './models.ts';
import type { TestOllama } from './ollama-replay.ts';

const timing = { queueMs: 0, tokenizeMs: 0, runMs: 0, postMs: 0 };

/** The product without Harper and runners, but with real Ollama models, asked of a server of the test. */
export async function ollamaApp(upstream: TestOllama, limits: Partial<InlineEngineOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'ollama-app-'));
  onTestFinished(async () => {
    await upstream.close();
    await rm(root, { recursive: true, force: true });
  });
  const inline = new InlineEngine({
    backends: backendsAt('inline', { ollamaHost: upstream.url, ollamaDefaultModel: 'default-model' }),
    inspect: inspectPackage,
    ...limits,
  });
  const runner = fakeEngine(() => ({ outputs: {}, timing }));
  const app = createApp(readConfig({ AI_OPS_ROOT: root, PERSONALIZE_MODEL: 'embed' }), {
    store: memoryStore(),
    engine: new PlacedEngine({
      placementOf: (framework) => (framework === 'ollama' ? 'inline' : 'runner'),
      runner,
      inline,
    }),
    versions: { product: '1', harper: '4', onnxruntime: '1' },
    announce: () => {},
    announceJob: () => {},
    modelsFolder: join(root, 'models-of-the-product'),
    log: () => {},
    now: Date.now,
    elapsed: () => performance.now(),
  } as Parameters<typeof createApp>[1]);
  return {
    app,
    inline,
    runner,
    ask: (method: string, url: string, body?: unknown, headers = {}) =>
      ask(app, method, url, { ...(body !== undefined && { body }), headers }),
    register: (modelName: string, mode: string, more: object = {}) =>
      ask(app, 'POST', '/Model', {
        body: {
          modelName,
          modelVersion: 'v1',
          framework: 'ollama',
          modelBlob: JSON.stringify({ modelName: 'm', mode }),
          ...more,
        },
      }),
  };
}
