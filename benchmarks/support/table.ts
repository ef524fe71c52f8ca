import { type Spread, spreadOf } from './statistics.ts';
import type { Series } from './take-turns.ts';

/** What stays of a series when it is told: the middle of its rounds, and how far they lay apart. */
export const summaryOf = ({ name, ...lists }: Series) => ({
  name,
  perSecond: spreadOf(lists.perSecond),
  p50Ms: spreadOf(lists.p50Ms),
  p99Ms: spreadOf(lists.p99Ms),
  cpuMs: spreadOf(lists.cpuMs),
  clientCpuMs: spreadOf(lists.clientCpuMs),
  others: spreadOf(lists.others),
});

/** Series as lines of a table; `unit` names what was counted by the second. */
export function tableOf(all: readonly Series[], unit = 'requests/s'): string {
  const head = ['', unit, 'p50 ms', 'p99 ms', 'CPU ms a request', 'client CPU ms', 'others on the machine'];
  const rows = all
    .map(summaryOf)
    .map((one) => [
      one.name,
      range(one.perSecond, 0),
      range(one.p50Ms, 2),
      range(one.p99Ms, 2),
      range(one.cpuMs, 3),
      range(one.clientCpuMs, 3),
      `${(one.others.median * 100).toFixed(0)} %`,
    ]);
  const widths = head.map((word, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length), word.length),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

/** @example range({ median: 2, min: 1, max: 3 }, 1) // '2.0 (1.0-3.0)' */
export const range = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
