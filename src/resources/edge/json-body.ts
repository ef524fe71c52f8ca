/** A value that knows a faster way to its JSON than `JSON.stringify`. */
interface KnowsItsJson {
  toJsonBytes(): Buffer;
}

/** JSON of a reply; its fields may know a faster way to their own. */
export function jsonBody(body: unknown): string | Buffer {
  if (!isRecord(body) || !Object.values(body).some(knowsItsJson)) return JSON.stringify(body);
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(body)) {
    const json = knowsItsJson(value) ? value.toJsonBytes() : JSON.stringify(value);
    if (json === undefined) continue;
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(name)}:`));
    parts.push(typeof json === 'string' ? Buffer.from(json) : json);
  }
  parts.push(Buffer.from('}'));
  return Buffer.concat(parts);
}

const knowsItsJson = (value: unknown): value is KnowsItsJson =>
  typeof value === 'object' && value !== null && typeof (value as Partial<KnowsItsJson>).toJsonBytes === 'function';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
