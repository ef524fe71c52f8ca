import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, readBytes, readJson } from '../../../src/resources/edge/read-json.ts';
import { codeOf, refusal } from '../../support/codes.ts';

type Headers = Readonly<Record<string, string>>;
const json = { 'content-type': 'application/json' };
const request = (chunks: readonly (string | Buffer)[], headers: Headers = json) =>
  Object.assign(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), { headers }) as unknown as IncomingMessage;
const codeOfBody = async (body: string | Buffer, headers?: Headers) => {
  try {
    return { value: await readJson(request([body], headers), 1000) };
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('the content type', () => {
  it.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'application/json; charset="utf-8"',
  ])('%s is JSON', async (type) => expect(await codeOfBody('{}', { 'content-type': type })).toEqual({ value: {} }));

  it('given twice is none', async () => {
    for (const second of ['application/json', 'text/plain']) {
      const rawHeaders = ['Content-Type', 'application/json', 'content-type', second];
      expect((await refusal(() => readJson(Object.assign(request(['{}']), { rawHeaders }), 10))).code).toBe(
        'UNSUPPORTED_MEDIA_TYPE',
      );
    }
  });

  it.each([
    'text/plain',
    'application/json; charset=latin1',
    'application/jsonp',
    'application/cbor',
    'application/x-ndjson',
    'json',
    '',
    'application/json, text/plain',
  ])('%j is not', async (type) =>
    expect(await codeOfBody('{}', { 'content-type': type })).toBe('UNSUPPORTED_MEDIA_TYPE'),
  );

  it('may be absent without a body, and only then', async () => {
    expect(await readJson(request([], {}), 10)).toBeUndefined();
    expect(await codeOfBody('{}', {})).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect(await codeOfBody('', json)).toBe('INVALID_JSON');
  });
});

describe('the size', () => {
  it('may be the limit', async () => {
    expect((await readBytes(request(['12345', '67890']), 10)).toString()).toBe('1234567890');
  });

  it.each([
    ['announced', request(['1'], { 'content-length': '11' })],
    ['arriving', request(['123456', '78901'])],
  ])('beyond it is refused as soon as it is known: %s', async (_what, incoming) => {
    expect((await refusal(() => readBytes(incoming, 10))).code).toBe('BODY_TOO_LARGE');
    expect(incoming.listenerCount('data')).toBe(0);
  });

  it.each(['error', 'close'] as const)('of a body that breaks off (%s) is unknown', async (ending) => {
    const incoming = Object.assign(new PassThrough(), { headers: json });
    const read = readBytes(incoming as unknown as IncomingMessage, 10);
    incoming.write('{"a"');
    setImmediate(() => incoming.destroy(ending === 'error' ? new Error('reset') : undefined));
    // A socket that fails has listeners of its own.
    incoming.on('error', () => {});
    expect((await refusal(() => read)).code).toBe('INVALID_INPUT');
  });

  it('joins what comes in pieces, also in the middle of a letter', async () => {
    const bytes = Buffer.from('{"ä":"𝕏"}');
    expect(await readJson(request([...bytes].map((byte) => Buffer.of(byte))), 100)).toEqual({ ä: '𝕏' });
  });
});

describe('the text', () => {
  const parse = (text: string | Buffer) => parseJson(Buffer.from(text));
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

  it.each([
    [nested(32), 'fine'],
    [nested(33), 'INVALID_JSON'],
    [nested(1_000_000), 'INVALID_JSON'],
    [`{"a":${nested(32)}}`, 'INVALID_JSON'],
    [JSON.stringify('['.repeat(100)), 'fine'],
    [JSON.stringify(`\\"${'{'.repeat(100)}`), 'fine'],
    ['[[1],[2],[3]]', 'fine'],
    ['', 'INVALID_JSON'],
    ['{', 'INVALID_JSON'],
    ['{"a":1,}', 'INVALID_JSON'],
    ["{'a':1}", 'INVALID_JSON'],
    ['NaN', 'INVALID_JSON'],
    ['[Infinity]', 'INVALID_JSON'],
    ['{} {}', 'INVALID_JSON'],
    ['01', 'INVALID_JSON'],
    ['null', 'fine'],
  ])('case %#', (text, code) => expect(codeOf(() => parse(text))).toBe(code));

  it.each([
    Buffer.of(0x22, 0xff, 0x22),
    Buffer.of(0x22, 0xc3, 0x22),
    Buffer.from('"é"', 'latin1'),
    Buffer.from('{}', 'utf16le'),
    Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22),
  ])('must be UTF-8: %o', (bytes) => expect(codeOf(() => parse(bytes))).toBe('INVALID_JSON'));

  it('is not repeated in the message', async () => {
    const error = await refusal(() => parse('{"password":"hunter2" oops}'));
    expect(error.message).not.toContain('hunter2');
  });

  it('may hold __proto__, which changes nothing', () => {
    expect((parse('{"__proto__":{"admin":true}}') as { admin?: boolean }).admin).toBeUndefined();
  });

  it('of any JSON value is that value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        expect(parse(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('half of a surrogate pair', () => {
  it.each([
    ['"\\ud800"', 'body'],
    ['{"a":["x","\\uDC00y"]}', 'a[1]'],
    ['{"a":{"\\udfff":1}}', 'a'],
    ['"\\ude00\\ud83d"', 'body'],
  ])('%s is no text', async (text, path) => {
    const error = await refusal(() => parseJson(Buffer.from(text)));
    expect(error.code).toBe('INVALID_JSON');
    expect(error.message.startsWith(`${path}:`)).toBe(true);
  });

  it('is told from whole pairs and from backslashes', () => {
    for (const text of ['"\\ud83d\\ude00"', '"😀"', '"\\\\ud800"', '"\\ufeff"'])
      expect(codeOf(() => parseJson(Buffer.from(text)))).toBe('fine');
  });
});

describe('numbers beyond a double', () => {
  it.each([
    ['1e999', 'body'],
    ['-1E+400', 'body'],
    ['[0,1e309]', '[1]'],
    ['{"features":{"x":[[1],[1e0400]]}}', 'features.x[1][0]'],
    [`{"a":${'9'.repeat(400)}}`, 'a'],
    [`[${'9'.repeat(250)}e99]`, '[0]'],
    [`[${'9'.repeat(215)}.5E+95]`, '[0]'],
  ])('are named, case %#', async (text, path) => {
    const error = await refusal(() => parseJson(Buffer.from(text)));
    expect(error.code).toBe('INPUT_NOT_FINITE');
    expect(error.message.startsWith(`${path}:`)).toBe(true);
  });

  it.each(['1e308', '1.7976931348623157e308', '1e-999', '"1e999"', '{"1e999":1}', `0.${'9'.repeat(400)}`])(
    'are none, case %#',
    (text) => expect(codeOf(() => parseJson(Buffer.from(text)))).toBe('fine'),
  );

  it('are found however they are written', () => {
    const literal = fc
      .tuple(
        fc.integer({ min: 1, max: 330 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 330 }),
        fc.constantFrom('e', 'E', 'e+', 'E+', 'e+0', 'e00'),
      )
      .map(
        ([digits, decimals, exponent, e]) =>
          `${'7'.repeat(digits)}${decimals ? `.${'7'.repeat(decimals)}` : ''}${e}${exponent}`,
      );
    fc.assert(
      fc.property(literal, (text) => {
        const code = codeOf(() => parseJson(Buffer.from(`[${text}]`)));
        expect(code).toBe(Number.isFinite(Number(text)) ? 'fine' : 'INPUT_NOT_FINITE');
      }),
      { numRuns: 1000 },
    );
  });
});
