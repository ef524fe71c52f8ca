import { AppError, errorKinds } from '../errors.ts';

/** How often a job is begun before it fails, whether its server died or an error may pass. */
export const maxAttempts = 3;

const passing: ReadonlySet<string> = new Set(['unavailable', 'upstream', 'busy', 'storage-full']);

/** Ends a job at once with an error that would otherwise be worth another attempt. */
export class FinalError extends Error {
  readonly failure: AppError;

  constructor(failure: AppError) {
    super(failure.message, { cause: failure });
    this.failure = failure;
  }
}

/** Whether an error may be gone when the job is begun again. */
export const mayPass = (error: unknown): boolean => error instanceof AppError && passing.has(errorKinds[error.code]);

/** Milliseconds before the next attempt: 1 s, 4 s, 16 s and so on, or what the error asks for up to a minute. */
export function pauseBefore(attempt: number, error: unknown): number {
  const asked = error instanceof AppError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.max(Math.min(asked, 60_000), 1000 * 4 ** (attempt - 1));
}
