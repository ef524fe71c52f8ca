import { AppError } from '../../errors.ts';
import type { Route } from './route.ts';

export interface Match {
  /** Undefined when the path exists but not with this method. */
  readonly route: Route | undefined;
  readonly params: Readonly<Record<string, string>>;
  /** Methods that the path has. */
  readonly methods: readonly string[];
}

interface Entry {
  readonly route: Route;
  readonly segments: readonly string[];
}

/**
 * Finds the route of a path. The first segment is also known capitalised, and `models` as `model`; segments
 * without a placeholder win over those with one.
 */
export class Router {
  /** By number of segments, those without a placeholder first. */
  readonly #entries = new Map<number, Entry[]>();
  readonly #exact = new Map<string, Match>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const segments = route.path.split('/').slice(1);
      const entries = this.#entries.get(segments.length) ?? [];
      entries.push({ route, segments });
      entries.sort((a, b) => placeholders(a) - placeholders(b));
      this.#entries.set(segments.length, entries);
    }
  }

  /** @throws AppError INVALID_INPUT when the path is not well-formed. */
  match(method: string, pathname: string): Match | undefined {
    const key = `${method} ${pathname}`;
    const known = this.#exact.get(key);
    if (known) return known;
    const segments = segmentsOf(pathname);
    const found = (this.#entries.get(segments.length) ?? []).flatMap((entry) => {
      const params = paramsOf(entry.segments, segments);
      return params ? [{ route: entry.route, params, rank: placeholders(entry) }] : [];
    });
    const [best] = found;
    if (!best) return undefined;
    const same = found.filter(({ rank }) => rank === best.rank);
    const wanted = method === 'HEAD' ? 'GET' : method;
    const exact = same.find(({ route }) => route.method === wanted);
    const match = { route: exact?.route, params: exact?.params ?? {}, methods: same.map(({ route }) => route.method) };
    if (exact && Object.keys(exact.params).length === 0) this.#exact.set(key, match);
    return match;
  }
}

const placeholders = ({ segments }: Entry) => segments.filter((segment) => segment.startsWith('{')).length;

function segmentsOf(pathname: string): string[] {
  const parts = pathname.split('/').slice(1);
  try {
    const segments = parts.map(decodeURIComponent);
    const [first = '', ...rest] = segments;
    // A table keeps its type name and its slash; any other first segment may be capitalised.
    const isTable = /^[A-Z]/.test(first) && tables.has(first) && isTableRest(first, rest);
    if (isTable) return [first, ...rest];
    if (rest.length > 0 && (first === '' || rest.slice(0, -1).includes(''))) throw new Error('empty segment');
    const lower = first.charAt(0).toLowerCase() + first.slice(1);
    return [lower === 'models' ? 'model' : lower, ...rest];
  } catch {
    const message = 'expected percent-encoded UTF-8 segments without an empty one';
    throw new AppError('INVALID_INPUT', `The path is malformed: ${message}.`, {
      violations: [{ path: 'path', message }],
    });
  }
}

/** Tables that are served under their type names. */
export const tables: ReadonlySet<string> = new Set(['Model', 'InferenceEvent', 'Job']);

/** `/Model/` and `/Model/name:version` are the table; `/Model`, `/Model/upload` and `/Model/name/v1` are the API. */
function isTableRest(table: string, rest: readonly string[]): boolean {
  if (rest.length !== 1) return false;
  if (table !== 'Model') return true;
  const [id = ''] = rest;
  return id === '' || id.includes(':');
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (let i = 0; i < pattern.length; i++) {
    const expected = pattern[i] as string;
    const actual = segments[i] as string;
    if (expected.startsWith('{')) params[expected.slice(1, -1)] = actual;
    else if (expected !== actual) return undefined;
  }
  return params;
}
