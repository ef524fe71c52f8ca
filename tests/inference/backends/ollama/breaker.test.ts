import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppError, type ErrorCode } from '../../../../src/errors.ts';
import { Breaker } from '../../../../src/inference/backends/ollama/breaker.ts';

const failing = (code: ErrorCode) => async (): Promise<never> => {
  throw new AppError(code, 'no');
};

/** Runs an attempt so many times. @returns the code of each, or `fine` */
async function outcomes(breaker: Breaker, times: number, attempt: () => Promise<unknown>, blames = true) {
  const codes: string[] = [];
  for (let time = 0; time < times; time++) {
    codes.push(
      await breaker.run(attempt, blames).then(
        () => 'fine',
        (error) => (error instanceof AppError ? error.code : String(error)),
      ),
    );
  }
  return codes;
}

describe('a server that fails five times in a row', () => {
  it.each<ErrorCode>(['UPSTREAM_FAILED', 'UPSTREAM_UNAVAILABLE'])('rests: %s', async (code) => {
    const attempt = vi.fn(failing(code));
    const breaker = new Breaker(async () => 'well');
    expect(await outcomes(breaker, 7, attempt)).toEqual([
      ...Array(5).fill(code),
      ...Array(2).fill('UPSTREAM_UNAVAILABLE'),
    ]);
    expect(attempt).toHaveBeenCalledTimes(5);
    const error = await breaker.run(attempt).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ retryAfterSeconds: 5, message: expect.stringContaining('5 times in a row') });
  });

  it('does not rest when it answers in between', async () => {
    const breaker = new Breaker(async () => 'well');
    for (let round = 0; round < 3; round++) {
      await outcomes(breaker, 4, failing('UPSTREAM_FAILED'));
      expect(await outcomes(breaker, 1, async () => 'well')).toEqual(['fine']);
    }
  });

  it.each<[string, () => Promise<unknown>, boolean]>([
    ['the caller’s question', failing('INVALID_INPUT'), true],
    ['a missing model', failing('MODEL_UNAVAILABLE'), true],
    ['a deadline that was short', failing('INFERENCE_TIMEOUT'), true],
    ['a caller who left', failing('CANCELLED'), true],
    ['what is no error of ours', () => Promise.reject(new Error('UPSTREAM_FAILED')), true],
    ['a question that may have broken it', failing('UPSTREAM_FAILED'), false],
  ])('is not blamed for %s', async (_name, attempt, blames) => {
    const breaker = new Breaker(async () => 'well');
    await outcomes(breaker, 12, attempt, blames);
    expect(await outcomes(breaker, 1, async () => 'well')).toEqual(['fine']);
  });

  it('is one that hangs, too: five seconds without a word', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const silent = (ms: number) => async () => {
      vi.advanceTimersByTime(ms);
      throw new AppError('INFERENCE_TIMEOUT', 'late');
    };
    const patient = new Breaker(async () => 'well');
    await outcomes(patient, 12, silent(4_999));
    expect(await outcomes(patient, 1, async () => 'well')).toEqual(['fine']);
    // It has begun to answer, so it is only slow.
    for (let time = 0; time < 12; time++) {
      const slow = patient.run((heard) => {
        heard();
        return silent(60_000)();
      });
      await expect(slow).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    }
    expect(await outcomes(patient, 1, async () => 'well')).toEqual(['fine']);
    const hung = new Breaker(async () => 'well');
    expect((await outcomes(hung, 6, silent(5_000))).at(-1)).toBe('UPSTREAM_UNAVAILABLE');
  });
});

describe('after five seconds', () => {
  async function rested(probe: () => Promise<unknown>) {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const asking = vi.fn(probe);
    const breaker = new Breaker(asking);
    await outcomes(breaker, 5, failing('UPSTREAM_FAILED'));
    vi.advanceTimersByTime(4_900);
    expect(await outcomes(breaker, 1, async () => 'well')).toEqual(['UPSTREAM_UNAVAILABLE']);
    expect(asking).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    return { breaker, asking };
  }

  it('a small question finds out whether it is back, once', async () => {
    const { breaker, asking } = await rested(async () => 'well');
    expect(await outcomes(breaker, 3, async () => 'well')).toEqual(['fine', 'fine', 'fine']);
    expect(asking).toHaveBeenCalledTimes(1);
  });

  it('it rests on when it is not, and no caller’s question is spent on it', async () => {
    const { breaker, asking } = await rested(failing('UPSTREAM_UNAVAILABLE'));
    const question = vi.fn(async () => 'well');
    expect(await outcomes(breaker, 3, question)).toEqual(Array(3).fill('UPSTREAM_UNAVAILABLE'));
    expect(question).not.toHaveBeenCalled();
    expect(asking).toHaveBeenCalledTimes(1);
  });
});
