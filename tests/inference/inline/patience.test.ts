import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Patience } from '../../../src/inference/inline/patience.ts';

function patienceOf(timeoutMs: number, caller?: AbortSignal) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  return new Patience(timeoutMs, caller);
}

describe('the patience of a caller', () => {
  it('lasts until the deadline, and says so then', () => {
    const { signal } = patienceOf(50);
    vi.advanceTimersByTime(49);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.reason).toMatchObject({ code: 'INFERENCE_TIMEOUT', retryAfterSeconds: 1 });
  });

  it('ends when the caller leaves, for the caller’s reason', () => {
    const caller = new AbortController();
    const { signal } = patienceOf(50, caller.signal);
    caller.abort('gone');
    expect([signal.aborted, signal.reason]).toEqual([true, 'gone']);
  });

  it('never begins for one who had left before', () => {
    expect(patienceOf(50, AbortSignal.abort('gone')).signal.reason).toBe('gone');
  });

  it('leaves no timer and no listener behind once it is over', () => {
    const caller = new AbortController();
    const [add, remove] = ['addEventListener', 'removeEventListener'].map((name) =>
      vi.spyOn(caller.signal, name as 'addEventListener'),
    );
    const patience = patienceOf(50, caller.signal);
    patience.end();
    expect(vi.getTimerCount()).toBe(0);
    expect(add?.mock.calls.map(([, listener]) => listener)).toEqual(remove?.mock.calls.map(([, listener]) => listener));
    caller.abort('late');
    expect(patience.signal.aborted).toBe(false);
  });
});
