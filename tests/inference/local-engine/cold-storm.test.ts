import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { columns, tableModel } from '../../../scripts/durability/model-bytes.ts';
import type { AppError } from '../../../src/errors.ts';
import { OnnxBackend } from '../../../src/inference/backends/onnx.ts';
import type { EngineInput, EngineModel } from '../../../src/inference/engine.ts';
import { LocalEngine } from '../../../src/inference/local-engine.ts';

const table = tableModel(3, 7);
const rowTwo: EngineInput = {
  kind: 'tensors',
  tensors: { row: { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n) } },
};

/** An engine over the real runtime that counts what it loads, and a model that it has never seen. */
async function coldEngine(queueLimit: number) {
  const directory = await mkdtemp(join(tmpdir(), 'cold-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'model.onnx'), table.bytes);
  const backend = new OnnxBackend();
  let loads = 0;
  const load: OnnxBackend['load'] = async (...model) => {
    loads += 1;
    return backend.load(...model);
  };
  const engine = new LocalEngine({
    backends: { onnx: () => ({ placement: 'runner', load, availability: () => backend.availability() }) },
    inspect: async () => ({ inputs: [] }),
    openText: async () => undefined,
    queueLimit,
  });
  onTestFinished(() => engine.close());
  const model: EngineModel = {
    digest: 'cold',
    directory,
    entry: 'model.onnx',
    framework: 'onnx',
    serves: 'candidates',
    runTimeoutMs: 30_000,
  };
  const ask = async () => {
    try {
      const { outputs } = await engine.predict(model, rowTwo, { timeoutMs: 30_000 });
      expect(outputs.values?.shape).toEqual([1, columns]);
      expect([...(outputs.values?.data as Float32Array)]).toEqual(table.row(2));
      return 'right';
    } catch (error) {
      const { code, retryAfterSeconds } = error as AppError;
      return `${code}, again in ${retryAfterSeconds} s`;
    }
  };
  const storm = async () => {
    const answers = await Promise.all(Array.from({ length: 10_000 }, ask));
    const counts: Record<string, number> = {};
    for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
    return counts;
  };
  return { engine, storm, loads: () => loads };
}

it('P14: 10,000 requests at once on a cold model make one load, and all wait for it where there is room', async () => {
  const { engine, storm, loads } = await coldEngine(10_000);
  expect(await storm()).toEqual({ right: 10_000 });
  expect(loads()).toBe(1);
  expect((await engine.status()).models[0]).toMatchObject({ loads: 1, inFlight: 0, queued: 0 });
});

it('P14: those beyond the queue are told to come again', async () => {
  const { engine, storm, loads } = await coldEngine(256);
  expect(await storm()).toEqual({ right: 256, 'QUEUE_FULL, again in 1 s': 9744 });
  expect(loads()).toBe(1);
  expect((await engine.status()).queues).toMatchObject({ inFlight: 0, queued: 0 });
});
