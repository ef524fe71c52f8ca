export type Product = Readonly<Record<string, unknown>>;
export type UserContext = Readonly<Record<string, unknown>>;

/** The fields a context usually has, as a sentence would use them; others follow as they come. */
const phrases = new Map<string, (value: string) => string>([
  ['activityType', (value) => value],
  ['experienceLevel', (value) => `for ${value} level`],
  ['season', (value) => `in ${value}`],
  ['location', (value) => `at ${value}`],
]);

const productFields = ['name', 'category', 'description', 'brand', 'tags'];

/**
 * What a user looks for, as one text.
 *
 * @example queryText({ activityType: 'trail-running', season: 'spring' }) // 'trail running in spring'
 */
export function queryText(context: UserContext): string {
  const known = [...phrases.keys()].filter((field) => Object.hasOwn(context, field));
  const free = Object.keys(context).filter((field) => !phrases.has(field));
  const words = [...known, ...free].flatMap((field) => {
    const text = wordsOf(context[field]);
    return text === '' ? [] : [phrases.get(field)?.(text) ?? `${spaced(field)} ${text}`];
  });
  return words.join(' ');
}

/** What a product is, as one text: its describing fields, not its ids, prices and pictures. */
export function productText(product: Product): string {
  return productFields
    .map((field) => wordsOf(product[field]))
    .filter(Boolean)
    .join('. ');
}

function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value.replace(/[-_]+/g, ' ').trim();
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.map(wordsOf).filter(Boolean).join(', ');
  return '';
}

const spaced = (field: string) => field.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
