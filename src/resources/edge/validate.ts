import type { z } from 'zod';
import { AppError, type ErrorCode, type Violation } from '../../errors.ts';

/**
 * Checks a value against a schema.
 *
 * @param root  what the value is called in messages when the problem is the whole of it.
 * @throws AppError INVALID_INPUT listing every violation.
 */
export function validate<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const violations = result.error.issues.flatMap((issue) => violationsOf(issue, root));
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  throw new AppError(codeOf(result.error.issues), `${first?.path}: ${first?.message}${more}.`, { violations });
}

/** A check of our own may name a code of its own; the first violation decides. */
function codeOf([first]: readonly z.core.$ZodIssue[]): ErrorCode {
  const code = first?.code === 'custom' ? (first.params?.code as ErrorCode | undefined) : undefined;
  return code ?? 'INVALID_INPUT';
}

function violationsOf(issue: z.core.$ZodIssue, root: string): Violation[] {
  if (issue.code === 'unrecognized_keys') {
    const place = pathOf(issue.path);
    return issue.keys.slice(0, 32).map((key) => {
      const path = place ? `${place}.${key}` : key;
      return { path: path.slice(0, 256), message: 'is not a field of this request; remove it or check its spelling' };
    });
  }
  return [{ path: pathOf(issue.path) || root, message: wordsOf(issue) }];
}

function wordsOf({ message, ...issue }: z.core.$ZodIssue): string {
  if ('expected' in issue && /received undefined$/.test(message))
    return issue.expected === 'nonoptional' ? 'is required' : `is required; expected ${issue.expected}`;
  return message.replace(/^Invalid input: /, '').slice(0, 300);
}

/** @example pathOf(['items', 0, 'outcome']) // 'items[0].outcome' */
export const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
