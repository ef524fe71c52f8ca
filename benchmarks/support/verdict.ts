/** A figure beside the limit it was to keep. */
export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: string;
  readonly passed: boolean;
}

export const atLeast = (what: string, value: number, limit: number, unit = ''): Verdict => ({
  what,
  value,
  limit,
  unit,
  // A figure that is no number has not passed.
  passed: value >= limit,
});

export const atMost = (what: string, value: number, limit: number, unit = ''): Verdict => ({
  what,
  value,
  limit,
  unit,
  passed: value <= limit,
});

/** One line for each; the exit code tells whether all passed. */
export function settle(verdicts: readonly Verdict[], say: (line: string) => void): void {
  for (const { what, value, limit, unit, passed } of verdicts) {
    say(`${passed ? 'pass' : 'FAIL'}  ${what}: ${value.toFixed(3)}${unit}, target ${limit}${unit}`);
  }
  if (verdicts.some(({ passed }) => !passed)) process.exitCode = 1;
}
