import { describe, expect, it, vi } from 'vitest';
import type { Answer, Asking } from '../../../src/inference/backend.ts';
import { AskLane } from '../../../src/inference/batching/ask-lane.ts';
import { Executor } from '../../../src/inference/batching/executor.ts';
import { monotonicMs } from '../../../src/inference/batching/monotonic.ts';
import { Pending } from '../../../src/inference/batching/pending.ts';
import type { EngineResult } from '../../../src/inference/engine.ts';

type Ask = (features: unknown, asking: Asking) => Promise<Answer>;

function lane(ask: Ask) {
  const executor = new Executor();
  const onStep = vi.fn();
  const running = { now: 0, most: 0 };
  const watched = async <T>(run: () => Promise<T>): Promise<T> => {
    running.now += 1;
    running.most = Math.max(running.most, running.now);
    return run().finally(() => {
      running.now -= 1;
    });
  };
  const asked = new AskLane({ ask, watched, onStep });
  const send = (features: unknown, timeoutMs = 5000, more: object = {}): Pending<EngineResult> => {
    const now = monotonicMs();
    const pending = new Pending<EngineResult>(now + timeoutMs, now);
    asked.add({ features, ...more, pending });
    executor.wake(asked);
    return pending;
  };
  return { send, onStep, running };
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** Works in pieces of a few milliseconds, as a generator does, until nobody wants it any more. */
const endless: Ask = async (_features, { signal, onStep }) => {
  for (;;) {
    signal.throwIfAborted();
    onStep?.();
    await wait(5);
  }
};

describe('a lane of questions', () => {
  it('asks one after the other, in order, under watch', async () => {
    const order: unknown[] = [];
    const { send, running } = lane(async (features) => {
      order.push(features);
      await wait(2);
      return { value: features };
    });
    const answers = await Promise.all([1, 2, 3, 4].map((id) => send(id).result));
    expect(answers.map(({ value }) => value)).toEqual([1, 2, 3, 4]);
    expect(order).toEqual([1, 2, 3, 4]);
    expect(running.most).toBe(1);
    expect(answers[3]?.timing.queueMs).toBeGreaterThan(answers[0]?.timing.queueMs as number);
  });

  it('hands over how to answer, and gives back all that the model says', async () => {
    const embedding = { dtype: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) } as const;
    const heard: Partial<Asking>[] = [];
    const { send } = lane(async (_features, { normalize, generation }) => {
      heard.push({ ...(normalize !== undefined && { normalize }), ...(generation && { generation }) });
      return { embedding, confidence: 0.5, promptTokens: 3, completionTokens: 4, truncated: [0] };
    });
    const how = { normalize: false, generation: { temperature: 1 } };
    expect(await send({}, 5000, how).result).toMatchObject({
      outputs: { embedding },
      confidence: 0.5,
      promptTokens: 3,
      completionTokens: 4,
      truncated: [0],
    });
    expect(heard).toEqual([how]);
  });

  it('goes on after a failure, which is told to its own caller alone', async () => {
    const { send } = lane(async (features) => {
      if (features === 'bad') throw new Error('bad features');
      return { value: features };
    });
    const [first, bad, last] = [send(1), send('bad'), send(2)];
    await expect(bad.result).rejects.toThrow('bad features');
    expect((await first.result).value).toBe(1);
    expect((await last.result).value).toBe(2);
  });

  it('never begins for callers who left, or whose deadline passed, while they waited', async () => {
    const begun: unknown[] = [];
    const { send } = lane(async (features) => {
      begun.push(features);
      await wait(40);
      return { value: features };
    });
    const [first, left, late, last] = [send('first'), send('left'), send('late', 20), send('last')];
    left.reject(new Error('left'));
    await expect(left.result).rejects.toThrow('left');
    await expect(late.result).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    await Promise.all([first.result, last.result]);
    expect(begun).toEqual(['first', 'last']);
  });

  it('stops a model in the middle when its caller leaves', async () => {
    const { send, onStep, running } = lane(endless);
    const pending = send('long');
    await wait(30);
    pending.reject(new Error('left'));
    await expect(pending.result).rejects.toThrow('left');
    await vi.waitFor(() => expect(running.now).toBe(0));
    expect(onStep.mock.calls.length).toBeGreaterThan(1);
  });

  it('stops a model in the middle at the deadline, and answers the next', async () => {
    const { send, running } = lane(async (features, asking) =>
      features === 'long' ? endless(features, asking) : { value: features },
    );
    const begin = performance.now();
    const [long, next] = [send('long', 60), send('next')];
    await expect(long.result).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    expect((await next.result).value).toBe('next');
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(running).toEqual({ now: 0, most: 1 });
  });
});
