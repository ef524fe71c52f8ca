import { AppError } from '../errors.ts';

export interface TableQuery {
  readonly conditions: readonly {
    readonly attribute: string;
    readonly comparator: string;
    readonly value: string | number | boolean | null;
  }[];
  readonly sort?: { readonly attribute: string; readonly descending: boolean };
  readonly limit: number;
  readonly offset: number;
  readonly select?: readonly string[];
}

const comparators: Readonly<Record<string, string>> = {
  '=': 'equals',
  '=ne=': 'not_equal',
  '!=': 'not_equal',
  '=gt=': 'greater_than',
  '=ge=': 'greater_than_equal',
  '=lt=': 'less_than',
  '=le=': 'less_than_equal',
};
const maxLimit = 1000;

/**
 * Reads the query of a table route, in the everyday part of Harper's query language:
 * `attribute=value`, `attribute=gt=value`, `limit(n)`, `limit(from,to)`, `sort(-attribute)`, `select(a,b)`.
 *
 * @param sortable  the attributes that have an index.
 * @throws AppError INVALID_INPUT for anything else.
 */
export function parseTableQuery(url: string, attributes: readonly string[], sortable: readonly string[]): TableQuery {
  const start = url.indexOf('?');
  const parts =
    start === -1
      ? []
      : url
          .slice(start + 1)
          .split('&')
          .filter(Boolean);
  const query = { conditions: [] as TableQuery['conditions'][number][], limit: 100, offset: 0 } as {
    -readonly [key in keyof TableQuery]: TableQuery[key];
  } & { conditions: TableQuery['conditions'][number][] };
  for (const part of parts.map(decoded)) {
    const call = /^(limit|sort|select)\(([^()]*)\)$/.exec(part);
    if (call) Object.assign(query, readCall(call[1] as string, call[2] as string, attributes, sortable));
    else query.conditions.push(readCondition(part, attributes));
  }
  return query;
}

function readCall(
  name: string,
  inner: string,
  attributes: readonly string[],
  sortable: readonly string[],
): Partial<TableQuery> {
  const items = inner.split(',').map((item) => item.trim());
  if (name === 'select') return { select: items.map((item) => known(item, attributes)) };
  if (name === 'sort') {
    const [item = ''] = items;
    if (items.length > 1) throw invalid('sort', 'expected one attribute, with - before it for descending');
    const attribute = known(item.replace(/^[-+]/, ''), attributes);
    if (!sortable.includes(attribute)) throw invalid('sort', `expected an indexed attribute (${sortable.join(', ')})`);
    return { sort: { attribute, descending: item.startsWith('-') } };
  }
  const numbers = items.map(Number);
  const [first = 0, second] = numbers;
  if (numbers.length > 2 || numbers.some((number) => !Number.isInteger(number) || number < 0))
    throw invalid('limit', 'expected limit(count) or limit(from,to)');
  const [offset, count] = second === undefined ? [0, first] : [first, second - first];
  if (count < 1 || count > maxLimit) throw invalid('limit', `expected 1 to ${maxLimit} records, got ${count}`);
  return { limit: count, offset };
}

function readCondition(part: string, attributes: readonly string[]) {
  const match = /^([A-Za-z]\w*)(=(?:ne|gt|ge|lt|le)=|!=|=)(.*)$/s.exec(part);
  if (!match)
    throw invalid('query', `expected attribute=value, limit(), sort() or select(), got "${part.slice(0, 100)}"`);
  const [, attribute = '', comparator = '', text = ''] = match;
  return {
    attribute: known(attribute, attributes),
    comparator: comparators[comparator] as string,
    value: typedValue(text, attribute),
  };
}

const numeric = new Set([
  'timestamp',
  'confidence',
  'latencyMs',
  'feedbackTimestamp',
  'promptTokens',
  'completionTokens',
  'computeMs',
  'blobSize',
  'uploadedAt',
  'deploymentVersion',
  'parentDeploymentVersion',
  'promotedAt',
  'attempts',
  'notBefore',
  'leaseUntil',
  'createdAt',
  'startedAt',
  'completedAt',
]);

function typedValue(text: string, attribute: string): string | number | boolean | null {
  if (text === 'null') return null;
  if ((attribute === 'correct' || attribute === 'sealed') && (text === 'true' || text === 'false'))
    return text === 'true';
  if (!numeric.has(attribute)) return text;
  const number = Number(text);
  if (text === '' || !Number.isFinite(number))
    throw invalid(attribute, `expected a number, got "${text.slice(0, 64)}"`);
  return number;
}

function known(attribute: string, attributes: readonly string[]): string {
  if (attributes.includes(attribute)) return attribute;
  throw invalid(attribute.slice(0, 64), `is not an attribute of this table; it has ${attributes.join(', ')}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalid('query', 'expected percent-encoded UTF-8');
  }
}

function invalid(path: string, message: string) {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
