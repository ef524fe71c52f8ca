/** Ranges that hold JSON, the most exact first. */
const jsonRanges = ['application/json', 'application/problem+json', 'application/*', '*/*'];

/** Whether an Accept header lets us answer JSON; no header does. Of several ranges the most exact one counts. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '') return true;
  const accepted = rangesOf(accept);
  const exactest = jsonRanges.find((range) => accepted.has(range));
  return exactest !== undefined && accepted.get(exactest) === true;
}

/** Whether an Accept header names this very type. */
export const acceptsRange = (accept: string | undefined, type: string): boolean =>
  accept !== undefined && rangesOf(accept).get(type) === true;

/** Ranges by name, with whether they are accepted or refused. */
function rangesOf(accept: string): ReadonlyMap<string, boolean> {
  const accepted = new Map<string, boolean>();
  for (const item of accept.split(',', 1000)) {
    const [range = '', ...parameters] = item.split(';');
    const refused = parameters.some((parameter) => /^\s*q\s*=\s*0(\.0*)?\s*$/i.test(parameter));
    accepted.set(range.trim().toLowerCase(), !refused);
  }
  return accepted;
}
