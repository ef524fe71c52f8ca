import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError, wholeNumbers } from '../../scripts/command-line.ts';

const module = join(import.meta.dirname, '..', '..', 'dist', 'scripts', 'command-line.js');
const script = (work: string) => `
  import { runCommand, wholeNumbers } from ${JSON.stringify(module)};
  await runCommand('the help', { count: { type: 'string', default: '2' } }, async (values) => { ${work} });`;

const run = (work: string, ...args: string[]) =>
  new Promise<{ code: unknown; out: string; error: string }>((resolve) =>
    execFile(process.execPath, ['--input-type=module', '-e', script(work), '--', ...args], (error, out, errors) =>
      resolve({ code: error?.code ?? 0, out, error: errors }),
    ),
  );

describe('a script', () => {
  const tell = 'console.log(JSON.stringify(values)); return 3;';

  it('gets its own options only, and decides the exit code', async () =>
    expect(await run(tell, '--count', '7')).toEqual({ code: 3, out: '{"count":"7"}\n', error: '' }));

  it('explains itself without working', async () =>
    expect(await run(tell, '--help')).toEqual({ code: 0, out: 'the help\n', error: '' }));

  it.each([
    ['an option it does not have', tell, ['--other']],
    ['a number that is none', 'wholeNumbers(values); return 0;', ['--count', 'x']],
    ['work that breaks', 'throw new Error("broken");', []],
  ])('leaves with 2 after %s', async (_what, work, args) => {
    const { code, out, error } = await run(work, ...args);
    expect([code, out]).toEqual([2, '']);
    expect(error).toMatch(/--other|--count "x"|broken/);
  });
});

describe('whole numbers', () => {
  it('are read', () => expect(wholeNumbers({ a: '1', b: '20' })).toEqual({ a: 1, b: 20 }));

  it.each(['', '0', '-1', '1.5', 'x', '1e999'])('%j is none from 1', (text) =>
    expect(() => wholeNumbers({ a: text })).toThrow(UsageError),
  );
});
