import type { Chance } from './chance.ts';

/** Bytes for a socket that are no HTTP, or two requests at once, or half of one. */
export interface RawRequest {
  readonly name: string;
  readonly pieces: readonly (string | Buffer)[];
}

const host = 'Host: localhost\r\n';
const health = `GET /health HTTP/1.1\r\n${host}\r\n`;
const predict = (headers: string, body: string) =>
  `POST /predict HTTP/1.1\r\n${host}Content-Type: application/json\r\n${headers}\r\n${body}`;

const fixed: Readonly<Record<string, readonly (string | Buffer)[]>> = {
  'no request line': ['\r\n\r\n\r\n'],
  'a verb nobody knows': [`FROB /health HTTP/1.1\r\n${host}\r\n`],
  'a version nobody knows': [`GET /health HTTP/9.9\r\n${host}\r\n`],
  'HTTP/0.9': ['GET /health\r\n'],
  'HTTP/2 preface': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  'TLS hello': [Buffer.from('16030100ba010000b60303', 'hex'), Buffer.alloc(100, 7)],
  'no host': ['GET /health HTTP/1.1\r\n\r\n'],
  'two hosts': [`GET /health HTTP/1.1\r\n${host}Host: evil\r\n\r\n`],
  'absolute target': [`GET http://evil.example/health HTTP/1.1\r\n${host}\r\n`],
  'authority target': [`CONNECT evil.example:443 HTTP/1.1\r\n${host}\r\n`],
  'asterisk target': [`OPTIONS * HTTP/1.1\r\n${host}\r\n`],
  'target without a slash': [`GET %2Fhealth HTTP/1.1\r\n${host}\r\n`],
  'target with Latin letters': [`GET /h\u00e9alth HTTP/1.1\r\n${host}\r\n`],
  'space in target': [`GET /health status HTTP/1.1\r\n${host}\r\n`],
  'NUL in target': [`GET /hea\0lth HTTP/1.1\r\n${host}\r\n`],
  'NUL in header': [`GET /health HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`],
  'bare CR': [`GET /health HTTP/1.1\r${host}\r`],
  'folded header': [`GET /health HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`],
  'space before colon': [`GET /health HTTP/1.1\r\n${host}Content-Length : 0\r\n\r\n`],
  'header without colon': [`GET /health HTTP/1.1\r\n${host}nonsense\r\n\r\n`],
  '64 kB header': [`GET /health HTTP/1.1\r\n${host}X: ${'x'.repeat(65_536)}\r\n\r\n`],
  '64 kB target': [`GET /${'x'.repeat(65_536)} HTTP/1.1\r\n${host}\r\n`],
  '100,000 headers': [`GET /health HTTP/1.1\r\n${host}${'x:1\r\n'.repeat(100_000)}\r\n`],
  '1,500 headers': [`GET /health HTTP/1.1\r\n${host}${'x:1\r\n'.repeat(1_500)}\r\n`],
  'two lengths': [predict('Content-Length: 2\r\nContent-Length: 3\r\n', '{}')],
  'same length twice': [predict('Content-Length: 2\r\nContent-Length: 2\r\n', '{}')],
  'length and chunks': [
    predict('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n'),
  ],
  'odd transfer encoding': [predict('Transfer-Encoding: identity, chunked, nonsense\r\n', '2\r\n{}\r\n0\r\n\r\n')],
  'negative length': [predict('Content-Length: -1\r\n', '{}')],
  'hexadecimal length': [predict('Content-Length: 0x2\r\n', '{}')],
  'endless length': [predict('Content-Length: 99999999999999999999\r\n', '{}')],
  'broken chunk size': [predict('Transfer-Encoding: chunked\r\n', 'zz\r\n{}\r\n')],
  'huge chunk size': [predict('Transfer-Encoding: chunked\r\n', 'ffffffffffffffff\r\n{}\r\n')],
  'chunk extension of 64 kB': [predict('Transfer-Encoding: chunked\r\n', `2;${'x'.repeat(65_536)}\r\n{}\r\n0\r\n\r\n`)],
  'expectation nobody knows': [`GET /health HTTP/1.1\r\n${host}Expect: miracles\r\n\r\n`],
  'waits to continue': [predict('Content-Length: 2\r\nExpect: 100-continue\r\n', '{}')],
  WebSocket: [
    `GET /Model/ HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  ],
  'HTTP/2 upgrade': [
    `GET /health HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n`,
  ],
  'many at once': [health.repeat(200)],
  'good, then garbage': [health, '\0\x01\x02garbage\r\n\r\n'],
  'half a head': ['GET /health HTTP/1.1\r\nHos'],
  'half a body': [predict('Content-Length: 1000\r\n', '{"modelName":')],
  'half a chunk': [predict('Transfer-Encoding: chunked\r\n', 'ff\r\n{"mod')],
};

export const rawNames: readonly string[] = Object.keys(fixed);

/** One of the cases above, or a request with single bytes changed. */
export function rawRequestOf(chance: Chance): RawRequest {
  if (chance.happens(0.5)) {
    const name = chance.one(rawNames);
    return { name, pieces: fixed[name] ?? [] };
  }
  const bytes = Buffer.from(chance.one([health, predict('Content-Length: 2\r\n', '{}'), `${health}${health}`]));
  for (let count = 1 + chance.below(5); count > 0; count--) bytes[chance.below(bytes.length)] = chance.below(256);
  const cut = chance.below(bytes.length);
  return { name: 'changed bytes', pieces: [bytes.subarray(0, cut), bytes.subarray(cut)] };
}
