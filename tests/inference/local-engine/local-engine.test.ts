import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { LocalEngine, type LocalEngineOptions } from '../../../src/inference/local-engine.ts';
import { BehavingBackend } from '../../support/runner-backend.ts';
import { behavingModel, numbersOf, row } from '../../support/runner-fixture.ts';

const soon = { timeoutMs: 5000 };

function newEngine(options: Partial<LocalEngineOptions> = {}) {
  const events: string[] = [];
  const engine = new LocalEngine({
    backends: {
      onnx: () =>
        new BehavingBackend({
          onLoad: ({ entry }) => events.push(`load ${entry}`),
          onDispose: ({ entry }) => events.push(`dispose ${entry}`),
        }),
    },
    inspect: async ({ entry }) => {
      events.push(`inspect ${entry}`);
      return { inputs: [] };
    },
    openText: async () => undefined,
    ...options,
  });
  return { engine, events };
}

describe('LocalEngine', () => {
  it('asks the gate once per digest and loads once per way of loading', async () => {
    const { engine, events } = newEngine();
    const model = behavingModel('double');
    await engine.load(model);
    await engine.load({ ...model, device: 'cpu', threads: 1 });
    await engine.load({ ...model, threads: 2 });
    expect(events).toEqual(['inspect double', 'load double', 'load double']);
  });

  it('loads nothing that the gate refuses', async () => {
    const { engine, events } = newEngine({
      inspect: async () => {
        throw new AppError('MODEL_EXTERNAL_DATA', 'refused');
      },
    });
    await expect(engine.predict(behavingModel('double'), row(1), soon)).rejects.toMatchObject({
      code: 'MODEL_EXTERNAL_DATA',
    });
    await expect(engine.load(behavingModel('double'))).rejects.toMatchObject({ code: 'MODEL_EXTERNAL_DATA' });
    expect(events).toEqual([]);
  });

  it('P19: tries a load that failed once in a while, however many ask, until it is asked for', async () => {
    let tries = 0;
    let isBroken = true;
    const { engine } = newEngine({
      inspect: async () => {
        tries++;
        if (isBroken) throw new Error('the file cannot be read');
        return { inputs: [] };
      },
    });
    const model = behavingModel('double');
    const ask = () => engine.predict(model, row(1), soon).then(String, (error: AppError) => error);
    expect(await ask()).toMatchObject({ code: 'MODEL_LOAD_FAILED' });
    for (let turn = 0; turn < 1_000; turn++)
      expect(await ask()).toMatchObject({ code: 'MODEL_UNAVAILABLE', retryAfterSeconds: 1 });
    expect(tries).toBe(1);
    await expect(engine.load(model)).rejects.toMatchObject({ code: 'MODEL_LOAD_FAILED' });
    expect(tries).toBe(2);
    isBroken = false;
    expect(await ask()).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    await engine.load(model);
    expect(numbersOf(await engine.predict(model, row(1), soon))).toEqual([2, 2]);
    expect(tries).toBe(3);
  });

  it('compares the stored bytes with the digest at every load', async () => {
    const root = mkdtempSync(join(tmpdir(), 'stored-'));
    const directory = join(root, 'files');
    mkdirSync(directory);
    writeFileSync(join(root, 'stored'), 'the model');
    const digest = createHash('sha256').update('the model').digest('hex');
    const { engine } = newEngine();
    const model = behavingModel('double', { directory, digest });
    expect((await engine.load(model)).memoryBytes).toBe(1000);
    await engine.unload(digest);
    writeFileSync(join(root, 'stored'), 'another');
    await expect(engine.load(model)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  });

  it('P15: passes many cold models through a small cache, never holding more than it and the next', async () => {
    let alive = 0;
    let most = 0;
    const backend = new BehavingBackend({
      onLoad: () => {
        alive += 1;
        most = Math.max(most, alive);
      },
      onDispose: () => {
        alive -= 1;
      },
    });
    const { engine } = newEngine({ backends: { onnx: () => backend }, maxModels: 10, queueLimit: 1000 });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        engine.predict(behavingModel('double', { name: String(i) }), row(i), { timeoutMs: 20_000 }),
      ),
    );
    expect(answers.map((answer) => numbersOf(answer)[0])).toEqual(Array.from({ length: 1000 }, (_, i) => i * 2));
    expect(most).toBeLessThanOrEqual(11);
    expect(alive).toBe(10);
  });

  it('P16: a model that is evicted or unloaded while it predicts finishes first', async () => {
    const { engine, events } = newEngine({ maxModels: 1 });
    const model = behavingModel('async:50');
    await engine.load(model);
    const running = Array.from({ length: 3 }, (_, i) => engine.predict(model, row(i), soon));
    const evicting = engine.load(behavingModel('double'));
    await engine.unload(model.digest);
    expect((await Promise.all(running)).map((answer) => numbersOf(answer)[0])).toEqual([0, 2, 4]);
    await evicting;
    expect(events.filter((event) => event.includes('async')).at(-1)).toBe('dispose async:50');
  });

  it('refuses inputs that do not fit before the model sees them', async () => {
    const { engine } = newEngine();
    const ask = (tensors: object) =>
      engine.predict(behavingModel('double'), { kind: 'tensors', tensors } as never, soon);
    const data = new Float32Array(2);
    await expect(ask({})).rejects.toMatchObject({ code: 'INPUT_NAME' });
    await expect(ask({ x: { dtype: 'float32', shape: [1, 2], data }, z: {} })).rejects.toMatchObject({
      code: 'INPUT_NAME',
    });
    await expect(ask({ x: { dtype: 'int32', shape: [1, 2], data: new Int32Array(2) } })).rejects.toMatchObject({
      code: 'INPUT_DTYPE',
    });
    await expect(ask({ x: { dtype: 'float32', shape: [2], data } })).rejects.toMatchObject({ code: 'INPUT_SHAPE' });
    await expect(ask({ x: { dtype: 'float32', shape: [1, 3], data } })).rejects.toMatchObject({ code: 'INPUT_SHAPE' });
    await expect(ask({ x: { dtype: 'float32', shape: [2, 2], data } })).rejects.toMatchObject({ code: 'INPUT_SHAPE' });
  });

  it('bounds its queue', async () => {
    const { engine } = newEngine({ queueLimit: 3 });
    const settled = await Promise.allSettled(
      Array.from({ length: 5 }, () => engine.predict(behavingModel('double'), row(1), soon)),
    );
    expect(settled.map((one) => (one.status === 'rejected' ? one.reason.code : 'answered'))).toEqual([
      'answered',
      'answered',
      'answered',
      'QUEUE_FULL',
      'QUEUE_FULL',
    ]);
    expect((await engine.predict(behavingModel('double'), row(1), soon)).outputs.y?.shape).toEqual([1, 2]);
  });

  it('runs nothing for a request that was aborted while it waited', async () => {
    const { engine } = newEngine();
    await expect(
      engine.predict(behavingModel('double'), row(1), { ...soon, signal: AbortSignal.abort(new Error('gone')) }),
    ).rejects.toThrow('gone');
    const controller = new AbortController();
    const waiting = engine.predict(behavingModel('double'), row(1), { ...soon, signal: controller.signal });
    controller.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    expect((await engine.status()).queues).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('answers NOT_READY once it is closed', async () => {
    const { engine, events } = newEngine();
    await engine.load(behavingModel('double'));
    await engine.close();
    expect(events.at(-1)).toBe('dispose double');
    await expect(engine.predict(behavingModel('double'), row(1), soon)).rejects.toMatchObject({ code: 'NOT_READY' });
    await expect(engine.load(behavingModel('double'))).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});
