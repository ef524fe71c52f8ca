import { expect, it } from 'vitest';
import type { EngineModel, EngineStatus } from '../../src/inference/engine.ts';
import { PlacedEngine } from '../../src/inference/placed-engine.ts';
import { fakeEngine } from '../support/models.ts';

const model = (framework: EngineModel['framework']) => ({ framework, digest: 'd' }) as EngineModel;
const timing = { queueMs: 0, tokenizeMs: 0, runMs: 0, postMs: 0 };

function placed() {
  const runner = fakeEngine(() => ({ outputs: {}, value: 'runner', timing }));
  const inline = fakeEngine(() => ({ outputs: {}, value: 'inline', timing }));
  const placementOf = (framework: string) => (framework === 'ollama' ? 'inline' : 'runner');
  return { engine: new PlacedEngine({ placementOf, runner, inline }), runner, inline };
}

it('sends each model to the engine of its framework', async () => {
  const { engine, runner, inline } = placed();
  const input = { kind: 'features', features: 1 } as const;
  expect((await engine.predict(model('onnx'), input, { timeoutMs: 1 })).value).toBe('runner');
  expect((await engine.predict(model('ollama'), input, { timeoutMs: 1 })).value).toBe('inline');
  await engine.load(model('ollama'));
  expect(inline.load).toHaveBeenCalledOnce();
  expect(runner.load).not.toHaveBeenCalled();
});

it('tells both what concerns bytes, and the end', async () => {
  const { engine, runner, inline } = placed();
  engine.release('d');
  await engine.unload('d');
  await engine.close();
  for (const { release, unload, close } of [runner, inline]) {
    expect(release).toHaveBeenCalledWith('d');
    expect(unload).toHaveBeenCalledWith('d');
    expect(close).toHaveBeenCalledOnce();
  }
});

it('makes one picture of both', async () => {
  const { engine, runner, inline } = placed();
  const status = (name: string, inFlight: number): EngineStatus => ({
    models: [{ digest: name, state: 'ready', reason: null, memoryBytes: 0, inFlight, queued: 0, lastUsedAt: null }],
    runners: name === 'runner' ? [{ id: 'r', serves: 'production', restarts: 0, memoryBytes: 1 }] : [],
    queues: { inFlight, queued: 1, limit: 10 },
    backends: { [name]: { available: true } },
  });
  runner.status.mockResolvedValue(status('runner', 2));
  inline.status.mockResolvedValue(status('inline', 3));
  const merged = await engine.status();
  expect(merged.models.map(({ digest }) => digest)).toEqual(['runner', 'inline']);
  expect(merged.runners.map(({ id }) => id)).toEqual(['r']);
  expect(merged.queues).toEqual({ inFlight: 5, queued: 2, limit: 20 });
  expect(Object.keys(merged.backends)).toEqual(['runner', 'inline']);
});
