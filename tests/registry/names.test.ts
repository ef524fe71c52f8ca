import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildModelKey, checkName, checkVersion, parseModelKey } from '../../src/registry/names.ts';
import { codeOf } from '../support/codes.ts';

const formats = ['json', 'csv', 'cbor', 'msgpack'];
const fields = [
  'id',
  'modelName',
  'stage',
  'status',
  'modelBlob',
  'digest',
  'metadata',
  'deploymentVersion',
  'promotedBy',
];

/** Bad as a name and as a version. */
const bad: readonly (readonly [string, string])[] = [
  ['a parent folder', '../x'],
  ['a slash', 'a/b'],
  ['a backslash', 'a\\b'],
  ['a colon', 'a:b'],
  ['two dots', '..'],
  ['one dot', '.'],
  ['nothing', ''],
  ['4 KB', 'a'.repeat(4096)],
  ['129 characters', 'a'.repeat(129)],
  ['NUL', 'a\0b'],
  ['NUL alone', '\0'],
  ['__proto__', '__proto__'],
  ['a format at the end', 'x.json'],
  ['a field at the end', 'v1.metadata'],
  ['right-to-left override', 'abc\u202Egpj'],
  ['a Cyrillic а', 'iri\u0430s'],
  ['a full-width letter', '\uFF41bc'],
  ['an accent of its own', 'e\u0301'],
  ['a dot at the end', 'v1.'],
  ['two dots in a row', 'v1..2'],
  ['a dot first', '.v1'],
  ['a dash first', '-v1'],
  ['an underscore first', '_v1'],
  ['a space', 'a b'],
  ['a space at the end', 'a '],
  ['a line end', 'a\n'],
  ['an alias', '@champion'],
  ['a percent sign', 'a%2Fb'],
  ['a query', 'a?b'],
  ['a comma', 'a,b'],
  ['brackets', 'a(b)'],
  ['a star', '*'],
  ...[...formats, ...fields].map((word) => [`.${word}`, `x.${word}`] as const),
  ['.JSON', 'x.JSON'],
  ['.modelname', 'x.modelname'],
];

describe('names and versions', () => {
  it.each(bad)('%s is refused', (_what, text) => {
    expect(codeOf(() => checkName(text))).toBe('ID_INVALID');
    expect(codeOf(() => checkVersion(text))).toBe('ID_INVALID');
  });

  it.each([
    'iris',
    'A',
    '0',
    'v1',
    'v1.2.3',
    'a-b_c.d',
    'all-MiniLM-L6-v2',
    'json',
    'metadata',
    'json.v1',
    'a.jsonl',
    'a'.repeat(128),
    'constructor',
  ])('%s is fine', (text) => {
    expect(checkName(text)).toBe(text);
    expect(checkVersion(text)).toBe(text);
  });

  it.each(['upload', 'versions', 'select', 'import', 'fetch', 'Upload', 'FETCH'])('%s is no name', (text) =>
    expect(codeOf(() => checkName(text))).toBe('ID_INVALID'),
  );

  it.each(['versions', 'active', 'history', 'promote', 'rollback', 'aliases', 'validation-history', 'Active'])(
    '%s is no version',
    (text) => expect(codeOf(() => checkVersion(text))).toBe('ID_INVALID'),
  );

  it('words reserved for the other are free', () => {
    expect(checkVersion('upload')).toBe('upload');
    expect(checkName('promote')).toBe('promote');
  });

  it('a refusal says where', () => {
    expect(() => checkVersion('a/b')).toThrow(
      expect.objectContaining({ violations: [{ path: 'modelVersion', message: expect.any(String) }] }),
    );
  });
});

describe('model keys', () => {
  const alphabet = fc.constantFrom(...'abyzAZ059._-:/\\ \0é'.split(''), '.json', 'versions');
  const text = fc.string({ unit: alphabet, maxLength: 12 });

  it('whatever is accepted survives being joined and split', () => {
    fc.assert(
      fc.property(text, text, (modelName, modelVersion) => {
        fc.pre(codeOf(() => checkName(modelName)) === 'fine' && codeOf(() => checkVersion(modelVersion)) === 'fine');
        expect(parseModelKey(buildModelKey(modelName, modelVersion))).toEqual({ modelName, modelVersion });
      }),
      { numRuns: 500 },
    );
  });

  it('any text is either refused with ID_INVALID or is what its parts join to', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (key) => {
        const code = codeOf(() => parseModelKey(key));
        if (code === 'fine') {
          const { modelName, modelVersion } = parseModelKey(key);
          expect(buildModelKey(modelName, modelVersion)).toBe(key);
        } else expect(code).toBe('ID_INVALID');
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['', ':', 'iris', 'iris:', ':v1', 'iris:v1:x', 'a/b:v1', 'iris:x.json'])('%j is none', (key) =>
    expect(codeOf(() => parseModelKey(key))).toBe('ID_INVALID'),
  );
});
