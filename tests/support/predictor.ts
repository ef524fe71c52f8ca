import { expect, vi } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { EngineResult } from '../../src/inference/engine.ts';
import { Predictor } from '../../src/inference/predictor.ts';
import { fakeEngine, localPackage } from './models.ts';

/** The answer of a tensor model to one row. */
export const y = { dtype: 'float32' as const, shape: [1, 2], data: Float32Array.of(0.25, 0.75) };
export const noTime = { queueMs: 0, tokenizeMs: 0, runMs: 0, postMs: 0 };

/** A predictor whose clock reads the given times one after the other, then stands still. */
export function predictorOf(result: EngineResult | AppError, ...times: number[]) {
  const engine = fakeEngine(() => {
    if (result instanceof AppError) throw result;
    return result;
  });
  const packageOf = vi.fn(async () => localPackage);
  const elapsed = () => (times.length > 1 ? (times.shift() as number) : (times[0] ?? 0));
  const isGone = vi.fn(async () => false);
  const predictor = new Predictor({ engine, packageOf, isGone, timeoutMs: 30_000, elapsed });
  return { engine, packageOf, isGone, predictor };
}

/** What the engine was asked. */
export const asked = ({ engine }: ReturnType<typeof predictorOf>) =>
  engine.predict.mock.calls[0] ?? expect.fail('the engine was not asked');
