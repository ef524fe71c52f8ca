import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { parseTableQuery } from '../../src/resources/table-query.ts';
import { eventAttributes, indexedEventAttributes } from '../../src/store/rows.ts';
import { refusal } from '../support/codes.ts';

const parse = (query: string) => parseTableQuery(`/InferenceEvent/${query}`, eventAttributes, indexedEventAttributes);
const where = (attribute: string, comparator: string, value: unknown) => ({
  conditions: [{ attribute, comparator, value }],
});

describe('a table query', () => {
  it.each([
    ['', {}],
    ['?', {}],
    ['?&&', {}],
    ['?modelName=iris', where('modelName', 'equals', 'iris')],
    ['?modelName!=iris', where('modelName', 'not_equal', 'iris')],
    ['?modelName=ne=iris', where('modelName', 'not_equal', 'iris')],
    ['?timestamp=gt=5', where('timestamp', 'greater_than', 5)],
    ['?timestamp=ge=5', where('timestamp', 'greater_than_equal', 5)],
    ['?timestamp=lt=-5.5', where('timestamp', 'less_than', -5.5)],
    ['?timestamp=le=5', where('timestamp', 'less_than_equal', 5)],
    ['?correct=true', where('correct', 'equals', true)],
    ['?correct=null', where('correct', 'equals', null)],
    ['?userId=5', where('userId', 'equals', '5')],
    ['?userId=', where('userId', 'equals', '')],
    ['?userId=a%3Db%26c+d', where('userId', 'equals', 'a=b&c d')],
    ['?userId==5', where('userId', 'equals', '=5')],
    ['?limit(5)', { limit: 5 }],
    ['?limit(10,15)', { offset: 10, limit: 5 }],
    ['?limit(0,1000)', { offset: 0, limit: 1000 }],
    ['?sort(timestamp)', { sort: { attribute: 'timestamp', descending: false } }],
    ['?sort(-timestamp)', { sort: { attribute: 'timestamp', descending: true } }],
    ['?sort(%2Btimestamp)', { sort: { attribute: 'timestamp', descending: false } }],
    ['?select(id,%20userId)', { select: ['id', 'userId'] }],
    ['?limit%285%29', { limit: 5 }],
  ])('%s', (query, expected) => expect(parse(query)).toEqual({ conditions: [], limit: 100, offset: 0, ...expected }));

  it('takes all its parts together', () => {
    expect(parse('?modelName=iris&timestamp=gt=5&sort(-timestamp)&limit(3)&select(id)')).toEqual({
      conditions: [
        ...where('modelName', 'equals', 'iris').conditions,
        ...where('timestamp', 'greater_than', 5).conditions,
      ],
      sort: { attribute: 'timestamp', descending: true },
      limit: 3,
      offset: 0,
      select: ['id'],
    });
  });

  it.each([
    ['limit', '?limit(0)'],
    ['limit', '?limit(1001)'],
    ['limit', '?limit(0,1001)'],
    ['limit', '?limit(5,5)'],
    ['limit', '?limit(5,3)'],
    ['limit', '?limit(-1,3)'],
    ['limit', '?limit()'],
    ['limit', '?limit(1.5)'],
    ['limit', '?limit(a)'],
    ['limit', '?limit(1,2,3)'],
    ['limit', '?limit=5'],
    ['sort', '?sort(timestamp,id)'],
    ['sort', '?sort(latencyMs)'],
    ['', '?sort()'],
    ['', '?select()'],
    ['secret', '?select(id,secret)'],
    ['password', '?password=x'],
    ['constructor', '?constructor=x'],
    ['timestamp', '?timestamp=now'],
    ['timestamp', '?timestamp='],
    ['timestamp', '?timestamp=1e999'],
    ['query', '?modelName'],
    ['query', '?modelName=like=x'.replace('=like=', '~')],
    ['query', '?__proto__=x'],
    ['query', '?(a=1|b=2)'],
    ['query', '?%ZZ=1'],
    ['query', '?sort(timestamp'],
  ])('names "%s" as wrong in %s', async (path, query) => {
    const error = await refusal(() => parse(query));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations[0]?.path).toBe(path);
  });

  it('of any text is read within its limits, or refused by us', () => {
    const piece = fc.constantFrom(
      'sort(timestamp)',
      'select(id)',
      'limit(1,5)',
      'timestamp=gt=',
      'userId=',
      'limit',
      'sort',
      'select',
      '(',
      ')',
      ',',
      '-',
      '=',
      '!=',
      '=gt=',
      '&',
      '%',
      '%28',
      '+',
      '1',
      '1001',
      'timestamp',
      'id',
      '__proto__',
      '\n',
      'é',
      '|',
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: piece, maxLength: 12 }), fc.string({ unit: 'binary' })), (text) => {
        try {
          const { conditions, sort, limit, offset, select } = parse(`?${text}`);
          const named = [
            ...conditions.map(({ attribute }) => attribute),
            ...(sort ? [sort.attribute] : []),
            ...(select ?? []),
          ];
          expect(named.filter((name) => !(eventAttributes as readonly string[]).includes(name))).toEqual([]);
          expect(limit >= 1 && limit <= 1000 && Number.isInteger(offset) && offset >= 0).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
