import { AppError } from '../errors.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { type ExchangeReply, type ExchangeRequest, exchange } from './exchange.ts';

export interface GuardedRequest extends Omit<ExchangeRequest, 'method' | 'lookup' | 'checkAddress' | 'body' | 'peer'> {
  readonly policy: EgressPolicy;
  /** Redirects that are followed, each held to the policy as the first URL was; 5 unless said. */
  readonly redirects?: number;
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Gets a URL that a caller named. Model hubs answer with redirects to their stores, so these are followed, but
 * only to where the policy lets a caller go in the first place.
 *
 * @throws AppError URL_FORBIDDEN, UPSTREAM_UNAVAILABLE, UPSTREAM_FAILED, or the signal's reason
 */
export async function guardedGet({ policy, redirects = 5, ...request }: GuardedRequest): Promise<ExchangeReply> {
  const url = policy.parse(request.url.href);
  const reply = await exchange({ ...request, url, method: 'GET', peer: url.host, ...policy.guard(url) });
  const { location } = reply.headers;
  if (!redirectStatuses.has(reply.status) || location === undefined) return reply;
  reply.close();
  if (redirects <= 0) {
    const message = `Expected ${url.host} to send a file, it redirects again and again. Name the file's own URL.`;
    throw new AppError('UPSTREAM_UNAVAILABLE', message);
  }
  return guardedGet({ ...request, policy, url: policy.parse(location, url), redirects: redirects - 1 });
}
