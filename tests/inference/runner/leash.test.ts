import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readMarker } from '../../../src/inference/runner/marker.ts';
import { buildSupport } from '../../support/runner-build.ts';
import { isAlive, until } from '../../support/runner-fixture.ts';

interface Runner {
  readonly pid: number;
  readonly markerPath: string;
}

describe('the leash of a runner', () => {
  let parent: ChildProcess;
  let root: string;

  async function startParent(script: string, ...args: string[]): Promise<Runner[]> {
    root = mkdtempSync(join(tmpdir(), 'ao-'));
    const entryPath = buildSupport(
      'runner-entry.ts',
      'runner-backend.ts',
      'runner-parent.ts',
      'runner-parent-thread.ts',
    );
    const settings = { entryPath, directory: join(root, 'r'), stateDirectory: join(root, 's') };
    parent = spawn(process.execPath, [buildSupport(script), JSON.stringify(settings), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [said] = await once(parent.stdout as NonNullable<typeof parent.stdout>, 'data');
    return JSON.parse(String(said));
  }

  afterEach(() => {
    parent.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  });

  /** One runner idles, one is blocked in a run; both must go. */
  async function expectTheirEnd(runners: readonly Runner[]): Promise<void> {
    await until(() => runners.every(({ pid }) => !isAlive(pid)), 1000);
  }

  it('ends it when the parent is killed, also while native code blocks', async () => {
    const runners = await startParent('runner-parent.ts', 'process');
    expect(runners.map(({ markerPath }) => readMarker(markerPath)?.phase).sort()).toEqual(['idle', 'run']);
    expect(runners.every(({ pid }) => isAlive(pid))).toBe(true);
    parent.kill('SIGKILL');
    await expectTheirEnd(runners);
  });

  it('ends it when the thread of its supervisor ends', async () => {
    const runners = await startParent('runner-parent-thread.ts');
    expect(runners.every(({ pid }) => isAlive(pid))).toBe(true);
    parent.stdin?.write('end');
    await expectTheirEnd(runners);
    expect(isAlive(parent.pid ?? 0)).toBe(true);
  });
});
