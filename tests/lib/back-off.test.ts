import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { BackOff } from '../../src/lib/back-off.ts';

function make() {
  let now = 0;
  let tries = 0;
  const backOff = new BackOff(
    () => now,
    (error) => !(error instanceof TypeError),
  );
  const attempt = (error?: Error, key = 'a') =>
    backOff
      .attempt(key, async () => {
        tries++;
        if (error) throw error;
        return 'done';
      })
      .catch((caught: Error) => caught);
  return { backOff, attempt, tries: () => tries, pass: (ms: number) => void (now += ms) };
}
const broken = new AppError('MODEL_LOAD_FAILED', 'it broke');

describe('what failed', () => {
  it('is tried again after 1, 2, 4, 8, 16 and then 30 seconds, once each', async () => {
    const { attempt, tries, pass } = make();
    expect(await attempt(broken)).toBe(broken);
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      const before = tries();
      for (const left of [seconds, 0.5]) {
        expect(await attempt(broken)).toMatchObject({
          code: 'MODEL_UNAVAILABLE',
          retryAfterSeconds: Math.ceil(left),
          message: expect.stringContaining('MODEL_LOAD_FAILED: it broke'),
        });
        if (left === seconds) pass((seconds - 0.5) * 1_000);
      }
      expect(tries()).toBe(before);
      pass(500);
      expect(await attempt(broken)).toBe(broken);
      expect(tries()).toBe(before + 1);
    }
  });

  it('starts anew after a success or a reset, and says nothing of others', async () => {
    const { backOff, attempt, pass } = make();
    await attempt(broken);
    expect(await attempt(undefined, 'b')).toBe('done');
    pass(1_000);
    expect(await attempt()).toBe('done');
    await attempt(broken);
    expect(await attempt()).toMatchObject({ retryAfterSeconds: 1 });
    backOff.reset((key) => key === 'a');
    expect(await attempt()).toBe('done');
  });

  it('is tried at once when the failure is of another kind', async () => {
    const { attempt, tries } = make();
    for (let turn = 0; turn < 3; turn++) expect(await attempt(new TypeError('no'))).toBeInstanceOf(TypeError);
    expect(tries()).toBe(3);
  });
});
