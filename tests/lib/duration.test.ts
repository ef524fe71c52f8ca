import { describe, expect, it } from 'vitest';
import { parseDurationMs, parseTimeMs } from '../../src/lib/duration.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['999999999d', 999_999_999 * 86_400_000],
  ])('%s is %d ms', (text, expected) => expect(parseDurationMs(text)).toBe(expected));

  it.each(['', '5', 'm', '5 m', '5M', '-5m', '1.5h', '1e3s', '5m ', '5m\n', '1h30m', '1234567890s', '5w'])(
    '%j is none',
    (text) => expect(parseDurationMs(text)).toBeUndefined(),
  );
});

describe('times', () => {
  it.each([
    ['0', 0],
    ['1735689600000', 1_735_689_600_000],
    ['2025-01-01', 1_735_689_600_000],
    ['2025-01-01T00:00:00Z', 1_735_689_600_000],
    ['2025-01-01T01:00:00+01:00', 1_735_689_600_000],
    ['2024-12-31T19:00:00.250-0500', 1_735_689_600_250],
    ['2024-02-29', 1_709_164_800_000],
  ])('%s is %d', (text, expected) => expect(parseTimeMs(text)).toBe(expected));

  it.each([
    '',
    '-1',
    '1.5',
    '1e3',
    'now',
    'yesterday',
    '2025-13-01',
    '2025-01-32',
    '2025-01-01 00:00',
    '01/01/2025',
    '2025-01-01T25:00:00Z',
  ])('%j is none', (text) => expect(parseTimeMs(text)).toBeUndefined());

  it.each(['2025-02-29', '2024-02-30T00:00:00Z', '2025-04-31'])('%s is no day of the calendar', (text) =>
    expect(parseTimeMs(text)).toBeUndefined(),
  );
});
