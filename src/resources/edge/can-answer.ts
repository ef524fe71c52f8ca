import { acceptsJson } from './negotiate.ts';
import { acceptsPieces } from './pieces.ts';
import type { Route } from './route.ts';

/** Whether a route has an answer for an Accept header: JSON, bytes of whatever type, or pieces where it has them. */
export function canAnswer({ replies }: Pick<Route, 'replies'>, accept: string | undefined): boolean {
  if (acceptsJson(accept)) return true;
  return Object.values(replies).some(
    ({ contentType, pieces }) => contentType !== undefined || (pieces !== undefined && acceptsPieces(accept)),
  );
}
