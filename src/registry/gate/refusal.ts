import { AppError, type ErrorCode } from '../../errors.ts';

/**
 * The error of a refused model.
 *
 * @param path     where in the model, such as `graph.node[2].attribute[0].t`; empty for the model as a whole.
 * @param problem  what was expected, what came and what to do.
 */
export function refusal(code: ErrorCode, path: string, problem: string, cause?: unknown): AppError {
  return new AppError(code, path ? `${path}: ${problem}` : problem, {
    violations: [{ path, message: problem }],
    cause,
  });
}

const longestQuote = 80;

/** Text from an untrusted file, safe to show: control characters escaped, cut at 80 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text);
}
