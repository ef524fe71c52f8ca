import { describe, expect, it } from 'vitest';
import { UsageCounter } from '../../../src/inference/batching/usage.ts';

describe('who uses a model', () => {
  it('is counted by what its requests do, each model for itself and all together', () => {
    const usage = new UsageCounter();
    const [first, second] = [usage.enter('a'), usage.enter('a')];
    usage.enter('b');
    expect(usage.total).toEqual({ inFlight: 0, queued: 3 });
    first('queued', 'running');
    expect(usage.get('a')).toMatchObject({ inFlight: 1, queued: 1 });
    expect(usage.get('b')).toMatchObject({ inFlight: 0, queued: 1 });
    expect(usage.total).toEqual({ inFlight: 1, queued: 2 });
    first('running', 'settled');
    // Some are never answered, but refused while they wait.
    second('queued', 'settled');
    expect(usage.get('a')).toMatchObject({ inFlight: 0, queued: 0 });
    expect(usage.total).toEqual({ inFlight: 0, queued: 1 });
  });

  it('is dated and its loads are counted; a model that nobody knows has none', () => {
    const usage = new UsageCounter();
    expect(usage.get('a')).toEqual({ inFlight: 0, queued: 0, lastUsedAt: null, loads: 0 });
    usage.countLoad('a');
    usage.countLoad('a');
    expect(usage.get('a')).toMatchObject({ loads: 2, lastUsedAt: null });
    const before = Date.now();
    usage.enter('a');
    expect(usage.get('a').lastUsedAt).toBeGreaterThanOrEqual(before);
    expect(usage.get('a').lastUsedAt).toBeLessThanOrEqual(Date.now());
  });

  it('is forgotten beyond a thousand models, but never while one is in use', () => {
    const usage = new UsageCounter();
    const busy = usage.enter('busy');
    usage.enter('running')('queued', 'running');
    for (let id = 0; id < 998; id++) usage.countLoad(`idle ${id}`);
    expect(usage.get('idle 0').loads).toBe(1);
    usage.countLoad('one more');
    expect(usage.get('idle 0').loads).toBe(0);
    expect(usage.get('one more').loads).toBe(1);
    expect(usage.get('busy').queued).toBe(1);
    expect(usage.get('running').inFlight).toBe(1);
    busy('queued', 'settled');
    expect(usage.get('busy').queued).toBe(0);
    expect(usage.total).toEqual({ inFlight: 1, queued: 0 });
  });
});
