import { expect } from 'vitest';
import { AppError } from '../../src/errors.ts';

/** The error that work throws; it must be ours. */
export async function refusal(work: () => unknown): Promise<AppError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  return expect.fail('nothing was refused');
}

/** The code that work is refused with, or `fine`. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return 'fine';
}
