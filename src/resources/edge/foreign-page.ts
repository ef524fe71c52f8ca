import type { IncomingMessage } from 'node:http';
import { AppError } from '../../errors.ts';

/**
 * Refuses what a web page of another origin may have sent without its user knowing: under `npm run dev`
 * local callers need no login, and a browser sends forms to any address. Pages of `CORS_ORIGINS`, and calls
 * that carry a login themselves, are meant.
 *
 * @throws AppError FORBIDDEN
 */
export function refuseForeignPage({ method, headers }: IncomingMessage, allowed: readonly string[]): void {
  const { origin, host, authorization } = headers;
  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead || origin === undefined || authorization !== undefined) return;
  if (allowed.includes(origin) || hostOf(origin) === host) return;
  throw new AppError(
    'FORBIDDEN',
    `Pages of ${origin.slice(0, 100)} may not change anything here. CORS_ORIGINS lists the origins that may.`,
  );
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
