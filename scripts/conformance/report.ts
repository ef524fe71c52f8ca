import type { Case } from './cases.ts';
import type { Outcome } from './outcome.ts';

/** What a run of the test set found. Problems are by name of the case. */
export interface Report {
  readonly cases: number;
  /** Cases of which every input and output is a tensor the wire can carry. */
  readonly tensorCases: number;
  readonly direct: { readonly passed: number; readonly tensorPassed: number };
  /** Null when no server was asked. */
  readonly http: { readonly passed: number } | null;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Tensor cases that ONNX Runtime itself does not pass here. */
  readonly directFailures: readonly { readonly name: string; readonly problem: string }[];
  /** Tensor cases that pass directly and fail over HTTP: defects of ours. */
  readonly regressions: readonly { readonly name: string; readonly problem: string }[];
}

export function summarise(
  cases: readonly Case[],
  direct: ReadonlyMap<string, Outcome>,
  http: ReadonlyMap<string, Outcome> | undefined,
): Report {
  const tensorCases = cases.filter((one) => one.skipReason === undefined);
  const passes = (outcomes: ReadonlyMap<string, Outcome> | undefined, { name }: Case) =>
    outcomes?.get(name)?.passed === true;
  const problems = (of: readonly Case[], outcomes: ReadonlyMap<string, Outcome>) =>
    of.flatMap(({ name }) => {
      const outcome = outcomes.get(name);
      return outcome === undefined || outcome.passed ? [] : [{ name, problem: outcome.problem }];
    });
  return {
    cases: cases.length,
    tensorCases: tensorCases.length,
    direct: {
      passed: cases.filter((one) => passes(direct, one)).length,
      tensorPassed: tensorCases.filter((one) => passes(direct, one)).length,
    },
    http: http === undefined ? null : { passed: cases.filter((one) => passes(http, one)).length },
    skipped: cases.flatMap(({ name, skipReason }) => (skipReason === undefined ? [] : [{ name, reason: skipReason }])),
    directFailures: problems(tensorCases, direct),
    regressions:
      http === undefined
        ? []
        : problems(
            tensorCases.filter((one) => passes(direct, one)),
            http,
          ),
  };
}

/** The report for people. */
export function describe(report: Report): string {
  const http =
    report.http === null ? 'no server was asked (--url)' : `over HTTP ${report.http.passed} of ${report.cases}`;
  const lines = [
    `ONNX Runtime itself passes ${report.direct.passed} of ${report.cases}; ${http}.`,
    `Tensor cases: ${report.tensorCases}, of which ONNX Runtime passes ${report.direct.tensorPassed}.`,
    ...section(
      'Skipped, not carried by JSON tensors',
      report.skipped.map(({ name, reason }) => `${name} — ${reason}`),
    ),
    ...section('ONNX Runtime itself fails', report.directFailures.map(line)),
    ...section('Pass directly, fail over HTTP', report.regressions.map(line)),
  ];
  return lines.join('\n');
}

const line = ({ name, problem }: { name: string; problem: string }): string =>
  `${name} — ${problem.replace(/\s+/g, ' ').slice(0, 200)}`;

const section = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : ['', `${title} (${items.length}):`, ...items.map((item) => `  ${item}`)];
