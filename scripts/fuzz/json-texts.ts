import { pack } from 'msgpackr';
import type { Chance } from './chance.ts';

const slips: readonly (readonly [RegExp, string])[] = [
  [/\d+(\.\d+)?/, '1e999'],
  [/\d+(\.\d+)?/, '-1e400'],
  [/\d+(\.\d+)?/, '9007199254740993'],
  [/\d+(\.\d+)?/, '-0'],
  [/\d+(\.\d+)?/, '0x10'],
  [/\d+(\.\d+)?/, 'NaN'],
  [/\d+(\.\d+)?/, '01'],
  [/"[^"]*"/, '"\\ud800"'],
  [/"[^"]*"/, '"\\udc00\\ud800"'],
  [/"[^"]*"/, '"\\u0000"'],
  [/"[^"]*"/, '"\\x41"'],
  [/"[^"]*"/, "'x'"],
  [/"[^"]*":/, '"__proto__":'],
  [/"[^"]*":/, '"constructor":'],
  [/\{/, '{"__proto__":{"polluted":true},'],
  [/\{/, '{"modelName":"a","modelName":"b",'],
  [/\}/, ',}'],
  [/,/, ',,'],
  [/:/, ' : // comment\n'],
];

/** The bytes of a JSON text with one thing wrong that only a parser sees. */
export function mutatedText(text: string, chance: Chance): Buffer {
  const bytes = Buffer.from(text);
  const at = chance.below(bytes.length + 1);
  switch (chance.below(8)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([chance.below(256)]), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), chance.one(notUtf8), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([Buffer.from('\ufeff'), bytes]);
    case 4:
      return Buffer.concat([bytes, bytes]);
    case 5:
      return Buffer.from(text, 'utf16le');
    default: {
      const [pattern, instead] = chance.one(slips);
      return Buffer.from(text.replace(pattern, () => instead));
    }
  }
}

const notUtf8 = [[0xc0, 0xaf], [0xff], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]].map((bytes) =>
  Buffer.from(bytes),
);

/** Bodies that have nothing to do with what was asked for. */
export const strangeBodies: readonly (() => Buffer)[] = [
  '',
  'null',
  '[]',
  '""',
  '0',
  'true',
  '{',
  '\u0000',
  '<xml/>',
  'a=1&b=2',
  '{"a":1}\n{"a":2}\n',
].map((text) => () => Buffer.from(text));

/** Bodies that cost their reader more than their sender. */
export const heavyBodies: readonly (() => Buffer)[] = [
  () => Buffer.from('['.repeat(200_000)),
  () => Buffer.from('{"a":'.repeat(100_000)),
  () => Buffer.from(`{"modelName":"${'x'.repeat(1_000_000)}","features":1}`),
  () => Buffer.from(`{"modelName":"digits-onnx","features":{"pixels":[[${'1,'.repeat(400_000)}1]]}}`),
  () => Buffer.from(`{"items":[${'{"outcome":1},'.repeat(20_000)}{}]}`),
  () => Buffer.from(`"${'\\u0041'.repeat(200_000)}"`),
  () => Buffer.alloc(10_100_000, ' '),
];

/** The same value in the binary formats that Harper would take by itself, and headers that claim what is not there. */
export function binaryBody(value: unknown, chance: Chance): { readonly type: string; readonly bytes: Buffer } {
  const type = chance.one(['application/cbor', 'application/x-msgpack', 'application/msgpack']);
  const claims = [[0xdd, 0xff, 0xff, 0xff, 0xff], [0x9a, 0xff, 0xff, 0xff, 0xff], [0xbf], [0x5f, 0x41], [0xd8, 0x40]];
  const bytes = chance.happens(0.5)
    ? Buffer.from(pack({ body: JSON.stringify(value) }))
    : Buffer.from(chance.one(claims));
  return { type, bytes: chance.happens(0.2) ? Buffer.alloc(5_000, 0x81) : bytes };
}
