import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const ids = new WeakMap<IncomingMessage, string>();

/** One id for all who handle a request: the caller's, when it is fit to be repeated, else a new one. */
export function requestIdOf(incoming: IncomingMessage): string {
  const known = ids.get(incoming);
  if (known !== undefined) return known;
  const given = incoming.headers['x-request-id'];
  const id = isRequestId(given) ? given : randomUUID();
  ids.set(incoming, id);
  return id;
}

export const isRequestId = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value);
