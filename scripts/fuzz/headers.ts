import type { Chance } from './chance.ts';

export type Headers = Record<string, string | string[]>;

const contentTypes: readonly (string | string[])[] = [
  'application/json; charset=utf-8',
  'application/json;charset="UTF-8"',
  'Application/JSON',
  'application/json\ta',
  'application/json; a',
  'application/json; charset=latin1',
  'application/jsonx',
  'application/problem+json',
  'text/plain',
  'text/csv',
  'text/html',
  'application/x-www-form-urlencoded',
  'application/x-ndjson',
  'application/octet-stream',
  'application/cbor',
  'multipart/form-data; boundary=x',
  '*/*',
  '',
  ';;;',
  'a'.repeat(3_000),
  ['application/json', 'application/json'],
  ['application/json', 'text/plain'],
];

const accepts: readonly string[] = [
  '*/*',
  'application/json',
  'application/problem+json',
  'image/png',
  'text/csv',
  'application/cbor',
  'application/json;q=0',
  'application/*;q=0.1, text/event-stream',
  ';',
  ',,,',
  '',
  Array.from({ length: 1_000 }, (_, index) => `a/b${index}`).join(','),
];

const others: readonly (readonly [string, string])[] = [
  ['x-request-id', 'mine'],
  ['x-request-id', 'a b'],
  ['x-request-id', 'x'.repeat(2_000)],
  ['x-request-id', '\u00e9'],
  ['accept-encoding', 'gzip'],
  ['accept-encoding', 'br;q=1, *;q=0'],
  ['accept-encoding', 'identity;q=0'],
  ['content-encoding', 'gzip'],
  ['content-encoding', 'nonsense'],
  ['range', 'bytes=0-10'],
  ['range', 'bytes=-5'],
  ['range', 'bytes=99999999999999999999-'],
  ['range', 'bytes=0-1,4-5'],
  ['range', 'lines=1-2'],
  ['if-none-match', '*'],
  ['if-none-match', '"x"'],
  ['if-modified-since', 'yesterday'],
  ['if-match', '"x"'],
  ['origin', 'https://evil.example'],
  ['origin', 'null'],
  ['host', 'evil.example'],
  ['host', '127.0.0.1:1'],
  ['host', ''],
  ['cookie', 'hdb-session=abc; a=b'],
  ['cookie', 'hdb-session=%ZZ'],
  ['x-forwarded-for', '127.0.0.1'],
  ['x-http-method-override', 'DELETE'],
  ['x-content-sha256', 'abc'],
  ['x-model-metadata', '{"a":'],
  ['x-model-framework', 'onnx'],
  ['x-model-stage', 'production'],
  ['x-model-version', 'v9'],
  ['x-model-input-schema', '[{"name":"x"}]'],
  ['traceparent', '00-zz'],
  ['connection', 'close'],
  ['te', 'trailers'],
  ['forwarded', 'for="[::1]"'],
];

const badLogins: readonly string[] = [
  '',
  'Basic',
  'Basic ',
  'Basic ****',
  'Basic YWRtaW4=',
  'Basic YWRtaW46d3Jvbmc=',
  'Basic Og==',
  `Basic ${Buffer.from('__proto__:x').toString('base64')}`,
  `Basic ${Buffer.from('a\u0000b:x').toString('base64')}`,
  `Basic ${'QUFB'.repeat(1_000)}`,
  'Bearer',
  'Bearer x',
  'Bearer a.b.c',
  'Bearer eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImFkbWluIn0.',
  'Digest username="admin"',
  'Negotiate x',
  'basic',
];

/**
 * Adds and changes headers.
 *
 * @param hasBody  whether a content type means anything.
 * @returns        whether the login was changed.
 */
export function spoilHeaders(headers: Headers, hasBody: boolean, chance: Chance): boolean {
  if (hasBody && chance.happens(0.4)) {
    const type = chance.one([undefined, ...contentTypes]);
    if (type === undefined) delete headers['content-type'];
    else headers['content-type'] = type;
  }
  if (chance.happens(0.3)) headers.accept = chance.one(accepts);
  for (let count = chance.below(3); count > 0; count--) {
    const [name, value] = chance.one(others);
    headers[name] = value;
  }
  if (!chance.happens(0.1)) return false;
  headers.authorization = chance.one(badLogins);
  return true;
}
