/** Stands in a document for what an answer has more. */
export const more = '…';

/** Fields whose values differ from run to run: only their types are compared. */
const volatileFields = new Set([
  'inferenceId',
  'requestId',
  'latencyMs',
  'loadMs',
  'responseTime',
  'queueMs',
  'runMs',
  'postMs',
  'recordMs',
  'computeMs',
  'personalizedScore',
  'uploadedAt',
  'createdAt',
  'startedAt',
  'completedAt',
  'timestamp',
  'feedbackTimestamp',
  'uptime',
  'memoryBytes',
  'rssAnonBytes',
  'heapUsedBytes',
]);
/** Figures of a `/status` that depend on the machine. */
const machineFields = new Set(['limit']);
/** Documents show rounded numbers, and percentiles are within 1 %. */
const tolerance = 0.01;

/**
 * Where an answer differs from the one a document shows; any made id stands for any other. `"…"` as a value stands for any value, as the last item
 * of a list for any further ones, as a key for further fields.
 *
 * @returns one line for each difference; empty when the document is right.
 */
export function differences(shown: unknown, came: unknown, path = 'answer', field = ''): string[] {
  if (shown === more) return [];
  const isVolatile = volatileFields.has(field) || machineFields.has(field);
  if (Array.isArray(shown))
    return Array.isArray(came) ? listDifferences(shown, came, path) : [wrong(path, shown, came)];
  if (typeof shown === 'object' && shown !== null) {
    const isObject = typeof came === 'object' && came !== null && !Array.isArray(came);
    return isObject ? fieldDifferences(shown, came, path) : [wrong(path, shown, came)];
  }
  if (typeof shown !== typeof came) return [wrong(path, shown, came)];
  if (isVolatile) return [];
  if (typeof shown === 'number') {
    const distance = Math.abs(shown - (came as number));
    const isWhole = Number.isInteger(shown) && Number.isInteger(came);
    return distance <= (isWhole ? 0 : tolerance * Math.max(1, Math.abs(shown))) ? [] : [wrong(path, shown, came)];
  }
  return shown === came || (isUuid(shown) && isUuid(came)) ? [] : [wrong(path, shown, came)];
}

function listDifferences(shown: readonly unknown[], came: readonly unknown[], path: string): string[] {
  const isOpen = shown.at(-1) === more;
  const expected = isOpen ? shown.slice(0, -1) : shown;
  const fits = isOpen ? came.length >= expected.length : came.length === expected.length;
  if (!fits) return [`${path}: the document shows ${expected.length} items, came ${came.length}`];
  return expected.flatMap((item, index) => differences(item, came[index], `${path}[${index}]`));
}

function fieldDifferences(shown: object, came: object, path: string): string[] {
  const isOpen = Object.hasOwn(shown, more);
  const known = Object.entries(shown).filter(([name]) => name !== more);
  const unseen = isOpen ? [] : Object.keys(came).filter((name) => !Object.hasOwn(shown, name));
  return [
    ...unseen.map((name) => `${path}.${name}: came, the document does not show it`),
    ...known.flatMap(([name, value]) =>
      Object.hasOwn(came, name)
        ? differences(value, came[name as keyof typeof came], `${path}.${name}`, name)
        : [`${path}.${name}: the document shows it, it did not come`],
    ),
  ];
}

const isUuid = (value: unknown): boolean =>
  typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);

const wrong = (path: string, shown: unknown, came: unknown) =>
  `${path}: the document shows ${brief(shown)}, came ${brief(came)}`;

const brief = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 120);
