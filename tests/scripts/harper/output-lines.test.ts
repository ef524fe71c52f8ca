import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LogFile } from '../../../scripts/harper/log-file.ts';
import { OutputLines } from '../../../scripts/harper/output-lines.ts';

function make(format: 'text' | 'json') {
  let now = 0;
  let text = '';
  const lines = new OutputLines(
    format,
    (more) => (text += more),
    () => now,
  );
  return { lines, text: () => text, pass: (ms: number) => void (now += ms) };
}
const record = (level: string, words: string) => `2026-11-21T16:46:03.829Z [http/1] [${level}]: ${words}\n`;

describe('what Harper’s process prints', () => {
  it('stays as it is in text, however it comes in pieces', () => {
    const { lines, text } = make('text');
    const whole = `Starting…\n${record('warn', 'a ü b')}    at somewhere\n`;
    for (const byte of Buffer.from(whole)) lines.take(Buffer.from([byte]));
    expect(text()).toBe(whole);
    lines.take(Buffer.from('no end'));
    expect(text()).toBe(whole);
    lines.end();
    expect(text()).toBe(`${whole}no end\n`);
  });

  it('is one object a line as JSON, and ours are left as they are', () => {
    const { lines, text } = make('json');
    const ours = '{"time":"t","level":"info","message":"request"}';
    const banner = '\u001b[35mStarting HarperDB...\u001b[39m';
    lines.take(Buffer.from(`${banner}\n\n${ours}\n${record('error', 'it "broke"')}{not json\n[1]\n`));
    const known = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(known).toMatchObject([
      { level: 'info', source: 'harper', message: 'Starting HarperDB...' },
      { message: 'request' },
      { level: 'error', source: 'harper', message: 'it "broke"' },
      { message: '{not json' },
      { message: '[1]' },
    ]);
    expect(text()).toContain(`${ours}\n`);
  });

  it('is cut to one problem of a kind a second, with what belongs to it', () => {
    const { lines, text, pass } = make('text');
    for (let turn = 0; turn < 2_000; turn++) {
      lines.take(Buffer.from(`${record('error', `commit ${turn} failed: no space left`)}    at commit\n`));
      pass(5);
    }
    const kept = text().trim().split('\n');
    // Twenty, and ten seconds.
    expect(kept.filter((line) => line.includes('commit') && !line.startsWith(' ')).length).toBeLessThanOrEqual(31);
    expect(kept.filter((line) => line.startsWith(' ')).length).toBe(kept.length / 2);
    lines.take(Buffer.from(record('notify', 'still here')));
    expect(text()).toContain('still here');
  });
});

describe('a log file', () => {
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'log-'));
    onTestFinished(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };

  it('begins anew, and moves away when it is large', () => {
    const path = join(folder(), 'server.log');
    new LogFile(path).write('old\n');
    const log = new LogFile(path);
    log.write('new\n');
    expect(readFileSync(path, 'utf8')).toBe('new\n');
    const mebibyte = `${'x'.repeat(2 ** 20 - 1)}\n`;
    for (let turn = 0; turn < 70; turn++) log.write(mebibyte);
    expect(statSync(path).size).toBeLessThan(10 * 2 ** 20);
    expect(statSync(`${path}.1`).size).toBeLessThan(66 * 2 ** 20);
    log.write('last\n');
    expect(readFileSync(path, 'utf8').endsWith('last\n')).toBe(true);
  });

  it('that cannot be written loses lines and nothing else', () => {
    const log = new LogFile(join(folder(), 'missing', 'server.log'));
    for (let turn = 0; turn < 3; turn++) expect(() => log.write('lost\n')).not.toThrow();
  });
});
