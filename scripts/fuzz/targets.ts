import type { Chance } from './chance.ts';
import { type Known, namesakeOf, segmentFor } from './known.ts';
import { oddTexts } from './odd-values.ts';
import type { Operation } from './operations.ts';

/** Percent-encodes any text; half of a surrogate pair as the three bytes that no UTF-8 allows. */
function encoded(text: string): string {
  return Buffer.from(text, 'utf16le').length === 0
    ? ''
    : text.replace(/[\s\S]/gu, (symbol) => (symbol.isWellFormed() ? encodeURIComponent(symbol) : '%ED%A0%80'));
}

/** A path of an operation, and whether odd values stand in it: those may lead to another route. */
export function pathOf({ path, method }: Operation, oddity: number, known: Known, chance: Chance) {
  const changes = method !== 'GET' && method !== 'POST';
  let isOdd = false;
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const odd = chance.happens(oddity) ? chance.one(oddTexts) : undefined;
    isOdd ||= odd !== undefined;
    return encoded(odd ?? segmentFor(name, path, changes, known, chance));
  });
  return { path: filled, isOdd };
}

const twists: readonly ((path: string, chance: Chance) => string)[] = [
  (path) => `${path}/`,
  (path) => `/${path}`,
  (path) => path.replace(/\/(\w)/, (_all, first: string) => `/${first.toUpperCase()}`),
  (path) => path.toUpperCase(),
  (path) => path.replace('/model', '/models'),
  (path) => `${path}/%ZZ`,
  (path) => `${path}%`,
  (path) => `${path}%c0%af`,
  (path) => `${path}%00`,
  (path) => `${path}/..%2f..%2fetc%2fpasswd`,
  (path) => `${path}/../../${path}`,
  (path) => `${path}.json`,
  (path) => `${path}#fragment`,
  (path) => `${path};a=b`,
  (path) => `${path}/${'a/'.repeat(500)}`,
  (path) => `${path}/${'x'.repeat(8_000)}`,
  (path) => `/${path.slice(1).replaceAll('/', '%2F')}`,
  (path) => `/${path.slice(1).replaceAll('/', '\\')}`,
  () => '/',
  () => '/openapi',
  () => '/graphql',
  () => '/RetiredVersion/',
  () => `/${'%61'.repeat(2_000)}`,
];

export const twistedPath = (path: string, chance: Chance): string => chance.one(twists)(path, chance) || '/';

const brokenQueries = [
  '(((((',
  '&&==&',
  '%',
  '%ZZ',
  'a=%c0%af',
  '=',
  'limit=1&limit=2',
  'a[b][c]=1',
  'select(',
  'sort(-)',
  'limit(1,2,3)',
  'limit(5,1)',
  'limit(-1)',
  'select()',
  'sort(+timestamp)',
  'id==*',
  'timestamp=gt=abc',
  'modelName=ct=a',
  '__proto__=1',
  'and(a=1,or(b=2))',
  '#',
];

/** A query string with its question mark, or nothing. */
export function queryOf({ parameters, path }: Operation, oddity: number, known: Known, chance: Chance): string {
  if (chance.happens(oddity / 4)) return `?${chance.one(brokenQueries)}`;
  const namesake = namesakeOf(known);
  const parts = parameters
    .filter((parameter) => parameter.in === 'query' && (parameter.required || chance.happens(0.3)))
    .map(({ name, schema }) => {
      const fitting = schema.enum
        ? chance.one(schema.enum)
        : (namesake(name, chance) ?? chance.one(['1', 'x', '1700000000000']));
      return `${name}=${encoded(chance.happens(oddity) ? chance.one(oddTexts) : String(fitting))}`;
    });
  if (path.endsWith('/')) parts.push(...tableParts(known, chance));
  if (chance.happens(oddity / 2))
    parts.push(`${chance.one(['surprise', 'limit', 'modelId'])}=${encoded(chance.one(oddTexts))}`);
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

function tableParts(known: Known, chance: Chance): string[] {
  const { modelName } = chance.one(known.models);
  const all = [
    `modelName=${modelName}`,
    'limit(5)',
    'limit(2,7)',
    'select(id,modelName)',
    'timestamp=gt=5',
    'correct=true',
    'id=ne=x',
    'sort(-timestamp)',
    'sort(modelName)',
  ];
  return all.filter(() => chance.happens(0.15));
}
