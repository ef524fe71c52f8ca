import { mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Marker, readMarker, writeKillReason } from '../../../src/inference/runner/marker.ts';
import { judge, type Remains } from '../../../src/inference/runner/verdict.ts';

const digest = 'd'.repeat(64);

function markerFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'marker-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'marker');
}

describe('the marker of a runner', () => {
  it('says what it does, since when, and who was last', () => {
    const file = markerFile();
    const marker = new Marker(file);
    onTestFinished(() => marker.close());
    expect(readMarker(file)).toEqual({ phase: 'idle', digest: '', startedAt: 0, reason: undefined });
    marker.begin(digest, 'load', 1234.5);
    expect(readMarker(file)).toEqual({ phase: 'load', digest, startedAt: 1234.5, reason: undefined });
    marker.begin('short', 'run', 2000);
    expect(readMarker(file)).toEqual({ phase: 'run', digest: 'short', startedAt: 2000, reason: undefined });
    marker.end();
    expect(readMarker(file)).toMatchObject({ phase: 'idle', digest: 'short' });
  });

  it.each(['timeout', 'memory'] as const)('keeps why the watchdog ended it: %s', (reason) => {
    const file = markerFile();
    const marker = new Marker(file);
    onTestFinished(() => marker.close());
    marker.begin(digest, 'run', 1);
    writeKillReason(openSync(file, 'r+'), reason);
    expect(readMarker(file)).toEqual({ phase: 'run', digest, startedAt: 1, reason });
  });

  it('that is missing, cut or of another kind says nothing', () => {
    const file = markerFile();
    expect(readMarker(file)).toBeUndefined();
    new Marker(file).close();
    truncateSync(file, 73);
    expect(readMarker(file)).toBeUndefined();
    writeFileSync(file, Buffer.alloc(75));
    expect(readMarker(file)).toBeUndefined();
    writeFileSync(file, Buffer.alloc(74, 9));
    expect(readMarker(file)).toBeUndefined();
  });
});

describe('who brought a runner down', () => {
  const at = (phase: 'idle' | 'load' | 'run', reason?: 'timeout' | 'memory'): Remains['marker'] => ({
    phase,
    digest,
    startedAt: 1,
    reason,
  });
  const remains = (own: Partial<Remains>): Remains => ({
    generation: 'g',
    marker: at('run'),
    signal: 'SIGABRT',
    lastWords: '',
    outOfMemoryKill: false,
    ...own,
  });
  const guilty = (reason: string) => ({ generation: 'g', culprit: digest, reason });

  it.each<[string, Partial<Remains>, object]>([
    ['nobody without a marker', { marker: undefined }, { generation: 'g' }],
    ['nobody while it was idle', { marker: at('idle', 'memory') }, { generation: 'g' }],
    ['the model at work', {}, guilty('crash')],
    ['the model that was loaded', { marker: at('load') }, guilty('crash')],
    [
      'one that the watchdog named, whatever the signal',
      { marker: at('run', 'timeout'), signal: 'SIGKILL' },
      guilty('timeout'),
    ],
    ['one that took all memory, by the watchdog', { marker: at('run', 'memory'), signal: 'SIGKILL' }, guilty('memory')],
    ['one that took all memory, by the kernel', { signal: 'SIGKILL', outOfMemoryKill: true }, guilty('memory')],
    ['one that crashed while the kernel killed another', { outOfMemoryKill: true }, guilty('crash')],
    ['one that ended without a signal', { signal: null }, guilty('crash')],
    ['somebody else: SIGKILL', { signal: 'SIGKILL' }, { generation: 'g' }],
    ['somebody else: SIGTERM', { signal: 'SIGTERM' }, { generation: 'g' }],
    ['somebody else: SIGINT', { signal: 'SIGINT' }, { generation: 'g' }],
    ['somebody else: SIGHUP', { signal: 'SIGHUP' }, { generation: 'g' }],
    [
      'one whose last words are of memory',
      { lastWords: 'FATAL ERROR: JavaScript heap out of memory' },
      guilty('memory'),
    ],
    ['one of C++', { lastWords: "terminate called after throwing an instance of 'std::bad_alloc'" }, guilty('memory')],
    ['one of a library', { lastWords: 'Cannot allocate memory' }, guilty('memory')],
    ['one of V8', { lastWords: 'Array buffer allocation failed' }, guilty('memory')],
    ['one whose last words are of something else', { lastWords: 'Segmentation fault' }, guilty('crash')],
  ])('%s', (_name, own, verdict) => expect(judge(remains(own))).toEqual(verdict));
});
