import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneLine } from '../../src/lib/one-line.ts';
import { type LogLevel, StructuredLog } from '../../src/lib/structured-log.ts';

function make(format: 'text' | 'json', level: LogLevel = 'info') {
  let now = Date.parse('2026-01-02T03:04:05.678Z');
  const lines: string[] = [];
  const log = new StructuredLog({ level, format, write: (line) => void lines.push(line), now: () => now });
  return { log, lines, pass: (ms: number) => void (now += ms) };
}
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

describe('a line of JSON', () => {
  it('says when, how bad and what, and its fields', () => {
    const { log, lines } = make('json');
    log.line('info', 'request', { requestId: 'r', status: 200, caller: null });
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: '2026-01-02T03:04:05.678Z',
      level: 'info',
      message: 'request',
      requestId: 'r',
      status: 200,
      caller: null,
    });
  });

  it('is one line that can be parsed, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (message, value) => {
        const { log, lines } = make('json');
        log.line('warn', message, { value });
        expect(lines[0]).not.toMatch(unsafe);
        expect(JSON.parse(lines[0] ?? '')).toMatchObject({ message, value });
      }),
    );
  });
});

describe('a line of text', () => {
  it('is one line that moves no cursor, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const { log, lines } = make('text');
        log.line('warn', `about ${value}`, { value });
        expect(lines[0]).not.toMatch(unsafe);
      }),
    );
    expect(oneLine('a\n[error] b\u001b[31m\u2028')).toBe('a\\x0a[error] b\\x1b[31m\\u2028');
  });

  it('has its fields behind it', () => {
    const { log, lines } = make('text');
    log.line('info', 'request', { route: 'GET /health', status: 200, caller: null });
    expect(lines).toEqual(['ai-ops: request route=GET /health status=200']);
  });
});

describe('a problem', () => {
  it('tells name, message and stack of its cause, but not what a parser read', () => {
    const { log, lines } = make('json');
    log.problem('error', 'it broke', new TypeError('x is not a function'), { requestId: 'r' });
    const known = JSON.parse(lines[0] ?? '');
    expect(known).toMatchObject({ level: 'error', requestId: 'r', error: 'TypeError', cause: 'x is not a function' });
    expect(known.stack).toContain('structured-log.test');
    const read = (() => {
      try {
        return JSON.parse('{"password":"canary"');
      } catch (error) {
        return error;
      }
    })();
    log.problem('error', 'it broke', read);
    expect(lines[1]).not.toContain('canary');
    expect(JSON.parse(lines[1] ?? '').error).toBe('SyntaxError');
  });

  it('is left out below the level', () => {
    const { log, lines } = make('json', 'error');
    log.problem('warn', 'a warning');
    log.line('info', 'request', {});
    expect(lines).toEqual([]);
    expect(log.writes('info')).toBe(false);
  });

  it('that comes again and again is written 20 times, then once a second with a count', () => {
    const { log, lines, pass } = make('json');
    for (let i = 0; i < 5_000; i++) {
      log.problem('error', `request ${i} could not be stored`);
      pass(2);
    }
    // Ten seconds.
    expect(lines.length).toBeGreaterThanOrEqual(29);
    expect(lines.length).toBeLessThanOrEqual(31);
    const leftOut = lines.map((line) => JSON.parse(line).leftOut ?? 0);
    expect(leftOut.reduce((sum, count) => sum + count, 0) + lines.length).toBeGreaterThan(4_490);
    log.problem('error', 'something else');
    expect(lines.at(-1)).toContain('something else');
  });
});
