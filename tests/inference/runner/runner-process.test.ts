import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Verdict } from '../../../src/inference/runner/notices.ts';
import { RunnerProcess } from '../../../src/inference/runner/runner-process.ts';

const MIB = 2 ** 20;
const limits = existsSync('/proc/self/limits') ? '/proc/self/limits' : '';

/** Tells how it was started, and is ready; it writes a word to standard error when it is told to end by itself. */
const entry = `
  import { readFileSync, writeFileSync, writeSync } from 'node:fs';
  const settings = JSON.parse(process.argv[2]);
  writeFileSync(settings.socketPath, JSON.stringify({
    settings, arguments: process.execArgv, environment: Object.keys(process.env), folder: process.cwd(),
    limits: ${JSON.stringify(limits)} && readFileSync('/proc/self/limits', 'utf8'),
  }));
  writeSync(3, 'x');
  if (settings.queueLimit === 1) { process.stderr.write('x'.repeat(5000) + 'last words', () => process.exit(7)); }
  else setInterval(() => {}, 1000);
`;

/** Starts a process with this memory. @returns how it was started, and its end. */
async function started(memoryLimitBytes: number, queueLimit = 10) {
  const directory = mkdtempSync(join(tmpdir(), 'rp-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const entryPath = join(directory, 'entry.mjs');
  writeFileSync(entryPath, entry);
  let end: (told: [Verdict, string]) => void = () => {};
  const ended = new Promise<[Verdict, string]>((resolve) => {
    end = resolve;
  });
  const runner = await new Promise<RunnerProcess>((resolve) => {
    const made: RunnerProcess = new RunnerProcess({
      entryPath,
      directory,
      generation: 'g',
      settings: { memoryLimitBytes, queueLimit } as never,
      onReady: () => resolve(made),
      onExit: (...told) => end(told),
    });
  });
  return { runner, ended, directory, told: JSON.parse(readFileSync(runner.socketPath, 'utf8')) };
}

describe('the process of a runner', () => {
  it.each([
    [512, 256],
    [2048, 512],
    [16_384, 1024],
  ])('with %d MiB gets %d MiB for JavaScript, and a limit on what it may grow to', async (memory, heap) => {
    const { runner, ended, told } = await started(memory * MIB);
    expect(told.arguments).toEqual([`--max-old-space-size=${heap}`]);
    if (limits) {
      const [, bytes] = /^Max data size +(\d+)/m.exec(told.limits) ?? [];
      expect(Number(bytes)).toBe((memory + 512) * MIB);
    }
    runner.kill();
    await ended;
  });

  it('sees nothing of its parent: an empty folder, no environment, its own settings', async () => {
    const { runner, ended, told, directory } = await started(512 * MIB);
    expect(runner.pid).toBeGreaterThan(0);
    expect(runner.pid).not.toBe(process.pid);
    expect(told.folder).toBe(join(directory, 'g.empty'));
    // A shell may add where it stands.
    expect(told.environment.filter((name: string) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual([]);
    const { socketPath, markerPath } = runner;
    expect(told.settings).toEqual({ memoryLimitBytes: 512 * MIB, queueLimit: 10, socketPath, markerPath });
    runner.kill();
    expect(await ended).toEqual([{ generation: 'g' }, '']);
    expect(readdirSync(directory)).toEqual(['entry.mjs']);
  });

  it('leaves its last words, and no more of them than tell why', async () => {
    const [verdict, words] = await (await started(512 * MIB, 1)).ended;
    expect(verdict).toEqual({ generation: 'g' });
    expect(words).toHaveLength(4096);
    expect(words).toMatch(/x{100}last words$/);
  });
});
