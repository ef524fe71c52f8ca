const jsonRanges = new Set(['*/*', 'application/*', 'application/json', 'application/problem+json']);

/** Whether an Accept header lets us answer JSON; no header does. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '') return true;
  return accept.split(',', 1000).some((item) => {
    const [range = '', ...parameters] = item.split(';');
    const refused = parameters.some((parameter) => /^\s*q\s*=\s*0(\.0*)?\s*$/i.test(parameter));
    return !refused && jsonRanges.has(range.trim().toLowerCase());
  });
}
