import { describe, expect, it } from 'vitest';
import type { EngineModelStatus, EngineStatus } from '../../../src/inference/engine.ts';
import type { RunnerAddress } from '../../../src/inference/runner/notices.ts';
import { mergeStatus } from '../../../src/inference/runner/status.ts';

const model = (own: Partial<EngineModelStatus> = {}): EngineModelStatus => ({
  digest: 'a',
  state: 'ready',
  reason: null,
  memoryBytes: 100,
  inFlight: 1,
  queued: 2,
  lastUsedAt: 5,
  loads: 3,
  ...own,
});
const part = (...models: EngineModelStatus[]): EngineStatus => ({
  models,
  runners: [],
  queues: { inFlight: 1, queued: 2, limit: 10 },
  backends: {},
});
const merged = (parts: readonly EngineStatus[]) => mergeStatus(parts, [], [], {}).models;

describe('one picture of all runners', () => {
  it('has each model once, with what all of them hold of it', () => {
    expect(merged([part(model()), part(model({ lastUsedAt: 9 }), model({ digest: 'b' }))])).toEqual([
      model({ memoryBytes: 200, inFlight: 2, queued: 4, lastUsedAt: 9, loads: 6 }),
      model({ digest: 'b' }),
    ]);
  });

  it('calls a model ready when one of them has it', () => {
    const states = (a: EngineModelStatus['state'], b: EngineModelStatus['state']) =>
      merged([part(model({ state: a })), part(model({ state: b }))]).map(({ state }) => state);
    expect(states('ready', 'loading')).toEqual(['ready']);
    expect(states('loading', 'ready')).toEqual(['ready']);
    expect(states('loading', 'loading')).toEqual(['loading']);
  });

  it('knows a model that was never used, and one that counts no loads', () => {
    const { loads: _, ...uncounted } = model({ lastUsedAt: null });
    expect(merged([part(uncounted), part(uncounted)])).toMatchObject([{ lastUsedAt: null, loads: 0 }]);
    expect(merged([part(uncounted), part(model({ lastUsedAt: 4 }))])).toMatchObject([{ lastUsedAt: 4, loads: 3 }]);
  });

  it('shows what is put away, whether a runner still has it or not', () => {
    const away = [
      { digest: 'a', reason: 'crash' as const, since: 1 },
      { digest: 'z', reason: 'memory' as const, since: 1 },
    ];
    expect(mergeStatus([part(model())], [], away, {}).models).toEqual([
      model({ state: 'quarantined', reason: 'crash' }),
      {
        digest: 'z',
        state: 'quarantined',
        reason: 'memory',
        memoryBytes: 0,
        inFlight: 0,
        queued: 0,
        lastUsedAt: null,
        loads: 0,
      },
    ]);
  });

  it('adds their queues, and tells the processes and their memory', () => {
    const runner: RunnerAddress = {
      id: 'production',
      serves: 'production',
      spare: false,
      generation: 'g',
      pid: process.pid,
      restarts: 4,
      socketPath: '/nowhere',
      markerPath: '/nowhere',
    };
    const backends = { onnx: { available: true } };
    const status = mergeStatus([part(), part()], [runner], [], backends);
    expect(status.queues).toEqual({ inFlight: 2, queued: 4, limit: 20 });
    expect(status.backends).toBe(backends);
    expect(status.runners).toEqual([
      { id: 'production', serves: 'production', restarts: 4, memoryBytes: expect.any(Number) },
    ]);
    expect(status.runners[0]?.memoryBytes).toBeGreaterThan(1e6);
    expect(mergeStatus([], [], [], {}).queues).toEqual({ inFlight: 0, queued: 0, limit: 0 });
  });
});
