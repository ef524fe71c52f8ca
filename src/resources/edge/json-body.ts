/** A value that knows a faster way to its JSON than `JSON.stringify`. */
interface KnowsItsJson {
  toJsonBytes(): Buffer;
}

/** How far down values that know their JSON are looked for: the body, a list in it, an item's field. */
const depth = 3;

/** JSON of a reply; its fields, and those of items of a list in it, may know a faster way to their own. */
export const jsonBody = (body: unknown): string | Buffer => encode(body, depth) ?? JSON.stringify(body);

/** JSON made of parts, or undefined when there is nothing to gain over `JSON.stringify`. */
function encode(value: unknown, levels: number): Buffer | undefined {
  if (knowsItsJson(value)) return value.toJsonBytes();
  if (levels === 0 || typeof value !== 'object' || value === null || 'toJSON' in value) return undefined;
  return Array.isArray(value) ? encodeList(value, levels) : encodeFields(value, levels);
}

function encodeFields(value: object, levels: number): Buffer | undefined {
  const entries = Object.entries(value);
  const encoded = entries.map(([, field]) => encode(field, levels - 1));
  if (encoded.every((part) => part === undefined)) return undefined;
  const fields = entries.flatMap(([name, field], index) => {
    const json = encoded[index] ?? JSON.stringify(field);
    return json === undefined ? [] : [[Buffer.from(`${JSON.stringify(name)}:`), bytesOf(json)]];
  });
  return joined('{', fields, '}');
}

function encodeList(items: readonly unknown[], levels: number): Buffer | undefined {
  const encoded = items.map((item) => encode(item, levels - 1));
  if (encoded.every((part) => part === undefined)) return undefined;
  return joined(
    '[',
    items.map((item, index) => [bytesOf(encoded[index] ?? JSON.stringify(item) ?? 'null')]),
    ']',
  );
}

function joined(open: string, members: readonly (readonly Buffer[])[], close: string): Buffer {
  const comma = Buffer.from(',');
  const parts = members.flatMap((member, index) => (index === 0 ? member : [comma, ...member]));
  return Buffer.concat([Buffer.from(open), ...parts, Buffer.from(close)]);
}

const bytesOf = (json: string | Buffer): Buffer => (typeof json === 'string' ? Buffer.from(json) : json);

const knowsItsJson = (value: unknown): value is KnowsItsJson =>
  typeof value === 'object' && value !== null && typeof (value as Partial<KnowsItsJson>).toJsonBytes === 'function';
