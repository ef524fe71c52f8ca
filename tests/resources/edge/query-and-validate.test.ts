import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError } from '../../../src/errors.ts';
import { parseQuery } from '../../../src/resources/edge/parse-query.ts';
import { pathOf, validate } from '../../../src/resources/edge/validate.ts';
import { ModelName, page, timeRange } from '../../../src/resources/schemas.ts';
import { refusal } from '../../support/codes.ts';

const schema = z.strictObject({ modelName: ModelName.optional(), ...page, ...timeRange });
const parse = (query: string) => parseQuery(schema, `/x${query}`);

describe('a query', () => {
  it.each([
    ['', { limit: 100 }],
    ['?', { limit: 100 }],
    ['?limit=1000&cursor=a%20b+c', { limit: 1000, cursor: 'a b c' }],
    ['?modelId=iris', { modelName: 'iris', limit: 100 }],
    ['?from=5&to=1970-01-01T00:00:01Z', { from: 5, to: 1000, limit: 100 }],
    ['?timeRange=1h', { timeRange: 3_600_000, limit: 100 }],
    ['?cursor=%3D%26', { cursor: '=&', limit: 100 }],
  ])('%s is %j', (query, value) => expect(parse(query)).toEqual(value));

  it.each([
    ['limit', '?limit=0'],
    ['limit', '?limit=1001'],
    ['limit', '?limit=ten'],
    ['limit', '?limit=1.5'],
    ['limit', '?limit='],
    ['limit', '?limit=1&limit=2'],
    ['from', '?from=yesterday'],
    ['from', '?from=99999999999999999'],
    ['timeRange', '?timeRange=1y'],
    ['other', '?other=1'],
    ['__proto__', '?__proto__=1'],
    ['constructor', '?constructor=1'],
    ['modelId', '?modelId=a&modelName=a'],
    ['query', '?cursor=%ZZ'],
    ['query', '?%C3=1'],
  ])('names %s as wrong in %s', async (path, query) => {
    const error = await refusal(() => parse(query));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations.map((violation) => violation.path)).toContain(path);
  });

  it('with a name that is none says so', async () =>
    expect((await refusal(() => parse('?modelName=a%2Fb'))).code).toBe('ID_INVALID'));

  it('of any text is read or refused by us', () => {
    const piece = fc.constantFrom(
      'limit',
      '=',
      '&',
      '?',
      '%',
      '%41',
      '+',
      'from',
      'é',
      '\0',
      '__proto__',
      '1',
      '#',
      ';',
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: piece }), fc.string()), (text) => {
        try {
          parse(`?${text}`);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a check', () => {
  const Body = z.strictObject({
    name: z.string(),
    count: z.number().optional(),
    items: z.array(z.strictObject({ id: ModelName })).optional(),
  });

  it.each([
    [{}, [['name', 'is required; expected string']]],
    [{ name: 5 }, [['name', 'expected string, received number']]],
    [null, [['body', 'expected object, received null']]],
    [undefined, [['body', 'is required; expected object']]],
    [
      { name: 'a', x: 1, y: 2 },
      [
        ['x', expect.stringContaining('not a field')],
        ['y', expect.stringContaining('not a field')],
      ],
    ],
    [
      { name: 'a', items: [{ id: 'a' }, { id: 'b', more: 1 }] },
      [['items[1].more', expect.stringContaining('not a field')]],
    ],
    [
      { name: 'a', count: 'x', items: 1 },
      [
        ['count', expect.anything()],
        ['items', expect.anything()],
      ],
    ],
  ])('of %j names what is wrong', async (value, violations) => {
    const error = await refusal(() => validate(Body, value, 'body'));
    expect(error.violations.map(({ path, message }) => [path, message])).toEqual(violations);
    expect(error.message.startsWith(`${error.violations[0]?.path}: `)).toBe(true);
    expect(error.message.includes('more)')).toBe(violations.length > 1);
  });

  it('answers the code of its first violation', async () => {
    expect((await refusal(() => validate(Body, { name: 'a', items: [{ id: '../x' }] }, 'body'))).code).toBe(
      'ID_INVALID',
    );
    expect((await refusal(() => validate(Body, { name: 1, items: [{ id: '../x' }] }, 'body'))).code).toBe(
      'INVALID_INPUT',
    );
  });

  it('names at most 32 unknown fields, each cut to 256 characters', async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`${index}${'x'.repeat(1000)}`, 1]));
    const { violations } = await refusal(() => validate(Body, { name: 'a', ...many }, 'body'));
    expect(violations.length).toBe(32);
    expect(Math.max(...violations.map(({ path }) => path.length))).toBe(256);
  });

  it.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 0, 'b', 1, 2], 'a[0].b[1][2]'],
    [[3, 'x'], '[3].x'],
  ])('of %j is at "%s"', (path, text) => expect(pathOf(path)).toBe(text));
});
