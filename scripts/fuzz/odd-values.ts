import type { Chance } from './chance.ts';

const long = 'a'.repeat(5_000);
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

/** Texts that programs trip over: empty, endless, of other scripts, and with a meaning to somebody else. */
export const oddTexts: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  'null',
  'NaN',
  'Infinity',
  '1e999',
  '9007199254740993',
  'true',
  long,
  `(${long})+$`,
  'a:b',
  'a/b',
  '..',
  '../../etc/passwd',
  'x.json',
  'v1.metadata',
  '@champion',
  'upload',
  'versions',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  "' OR 1=1--",
  '<img src=x onerror=alert(1)>',
  '=HYPERLINK("x")',
  '${7*7}{{7*7}}',
  '\u0000',
  'a\u0000b',
  '\r\nx-injected: 1',
  '\ufeff{}',
  '\u202eabc',
  'é',
  'e\u0301',
  'ａｄｍｉｎ',
  '👩‍👩‍👧‍👦'.repeat(20),
  '\ud800',
  'a\udfffb',
  '\u0085\u2028\u2029',
  '2025-02-30T25:61:61Z',
  '9999-12-31T23:59:59Z',
  '-000001-01-01T00:00:00Z',
  '1h',
  '9999999999d',
];

const others: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1,
  1.5,
  1e-320,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  2 ** 64,
  8.64e15 + 1,
  [],
  {},
  [[]],
  [null],
  [1, [2]],
  { dtype: 'float32', shape: [1, 1e15], data: [] },
  { dtype: 'float32', shape: [-1], data: [1] },
  { dtype: 'int64', shape: [1], data: ['9223372036854775808'] },
  { dtype: 'float32', shape: [2], base64: '****' },
  { dtype: 'string', shape: [1], data: ['x'] },
  { texts: ['x', 1] },
  { length: 1e9 },
  { then: 'x', toJSON: 'x', constructor: { prototype: 1 } },
  nested(31),
  nested(40),
];

/** A value that nobody expects at this place. */
export function oddValue(chance: Chance): unknown {
  if (chance.happens(0.5)) return chance.one(oddTexts);
  if (chance.happens(0.02)) return new Array(20_000).fill(chance.below(2));
  if (chance.happens(0.02))
    return Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, index]));
  return chance.one(others);
}
