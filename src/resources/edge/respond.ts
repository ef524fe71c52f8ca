import { STATUS_CODES } from 'node:http';
import { AppError, type ErrorKind, errorKinds } from '../../errors.ts';
import type { Reply } from './route.ts';

/** The one place where a kind of error becomes a status. */
export const statusOf: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  method: 405,
  unacceptable: 406,
  conflict: 409,
  'too-large': 413,
  'media-type': 415,
  refused: 422,
  busy: 429,
  broken: 500,
  unavailable: 503,
  'storage-full': 507,
  upstream: 502,
  /** Nobody is there to read it; events and logs are. */
  gone: 499,
};

const retryable = new Set<ErrorKind>(['busy', 'unavailable', 'storage-full']);

/** An error as `application/problem+json` (RFC 9457). Whatever is not an AppError tells the caller nothing. */
export function problem(error: unknown, requestId: string): Reply {
  const known =
    error instanceof AppError
      ? error
      : new AppError('INTERNAL', `Something broke on our side; the server log has it under requestId ${requestId}.`);
  const kind = errorKinds[known.code];
  const status = statusOf[kind];
  const { inferenceId } = known.facts;
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryable.has(kind) && { 'retry-after': String(known.retryAfterSeconds ?? 1) }),
      ...(kind === 'unauthenticated' && { 'www-authenticate': 'Basic realm="ai-ops"' }),
    },
    ...(typeof inferenceId === 'string' && { inferenceId }),
    body: {
      type: `urn:ai-ops:error:${known.code}`,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      code: known.code,
      detail: known.message,
      ...(known.violations.length > 0 && { errors: known.violations }),
      requestId,
      ...known.facts,
    },
  };
}
