import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Quarantine, readQuarantined } from '../../../src/inference/runner/quarantine.ts';
import { judge } from '../../../src/inference/runner/verdict.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'quarantine-'));

describe('Quarantine', () => {
  it('takes a model at its second strike, also when a restart lies between', () => {
    const state = folder();
    expect(new Quarantine(state, () => 1).strike('a', 'crash')).toBeUndefined();
    expect(readQuarantined(state)).toEqual([]);
    const next = new Quarantine(state, () => 2);
    expect(next.strike('b', 'crash')).toBeUndefined();
    expect(next.strike('a', 'memory')).toEqual({ digest: 'a', reason: 'memory', since: 2 });
    expect(next.strike('a', 'memory')).toBeUndefined();
    expect(readQuarantined(state)).toEqual([{ digest: 'a', reason: 'memory', since: 2 }]);
  });

  it('lets strikes fade after an hour, and a release wipe them', () => {
    let now = 0;
    const quarantine = new Quarantine(folder(), () => now);
    quarantine.strike('a', 'crash');
    now = 61 * 60_000;
    expect(quarantine.strike('a', 'crash')).toBeUndefined();
    expect(quarantine.release('a')).toBe(true);
    expect(quarantine.strike('a', 'crash')).toBeUndefined();
    expect(quarantine.strike('a', 'crash')).toBeDefined();
    expect(quarantine.release('unknown')).toBe(false);
  });

  it('starts empty when its file is damaged', () => {
    const state = folder();
    writeFileSync(join(state, 'quarantine.json'), '{"quarantined": [');
    expect(new Quarantine(state).list()).toEqual([]);
  });
});

describe('judge', () => {
  const remains = {
    generation: 'g',
    marker: { phase: 'run', digest: 'd', startedAt: 1, reason: undefined },
    signal: 'SIGSEGV',
    lastWords: '',
    outOfMemoryKill: false,
  } as const;

  it('blames the model at work, by what the process died of', () => {
    expect(judge(remains)).toEqual({ generation: 'g', culprit: 'd', reason: 'crash' });
    expect(judge({ ...remains, marker: { ...remains.marker, reason: 'timeout' }, signal: 'SIGKILL' })).toMatchObject({
      reason: 'timeout',
    });
    expect(judge({ ...remains, lastWords: 'FATAL ERROR: JavaScript heap out of memory' })).toMatchObject({
      reason: 'memory',
    });
    expect(judge({ ...remains, signal: 'SIGKILL', outOfMemoryKill: true })).toMatchObject({ reason: 'memory' });
    expect(judge({ ...remains, signal: null })).toMatchObject({ reason: 'crash' });
  });

  it('blames nobody when none was at work, or when somebody else killed it', () => {
    expect(judge({ ...remains, marker: { ...remains.marker, phase: 'idle' } })).toEqual({ generation: 'g' });
    expect(judge({ ...remains, marker: undefined })).toEqual({ generation: 'g' });
    for (const signal of ['SIGKILL', 'SIGTERM'] as const)
      expect(judge({ ...remains, signal })).toEqual({ generation: 'g' });
  });
});
