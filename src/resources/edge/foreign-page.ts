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

const loopback = /^(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Refuses a caller who is let in for being local, as under `npm run dev`, but called another name than this
 * machine's: a web page may give its own name this machine's address, and then counts as of the same origin.
 *
 * @throws AppError FORBIDDEN
 */
export function refuseForeignHost({ headers: { host, authorization } }: IncomingMessage): void {
  if (authorization !== undefined || host === undefined || loopback.test(host)) return;
  throw new AppError(
    'FORBIDDEN',
    `Without a login expected localhost or 127.0.0.1 in the address, got ${host.slice(0, 100)}. Use that, or log in.`,
  );
}
