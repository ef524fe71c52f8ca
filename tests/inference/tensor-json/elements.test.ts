import { describe, expect, it } from 'vitest';
import { newData, writeElements } from '../../../src/inference/tensor-json/elements.ts';
import { featuresToTensors } from '../../../src/inference/tensor-json/features-to-tensors.ts';
import { InputViolations, describe as shown } from '../../../src/inference/tensor-json/violations.ts';
import type { Dtype } from '../../../src/lib/tensor.ts';
import { refusal } from '../../support/codes.ts';

/** Writes elements behind one that stands there already. @returns what was written, and what was wrong. */
function written(dtype: Dtype, source: readonly unknown[], typed = false) {
  const target = newData(dtype, source.length + 1);
  const wrong: string[][] = [];
  writeElements(dtype, source, target, 1, typed, (index, code, message) => wrong.push([`${index}`, code, message]));
  return { data: [...target].slice(1), first: target[0], wrong };
}

describe('the ends of a dtype', () => {
  it.each<[Dtype, number, number]>([
    ['int8', -128, 127],
    ['int16', -32768, 32767],
    ['int32', -2147483648, 2147483647],
    ['uint8', 0, 255],
    ['uint16', 0, 65535],
    ['uint32', 0, 4294967295],
  ])('%s holds %d to %d, and says so', (dtype, lowest, highest) => {
    expect(written(dtype, [lowest, highest])).toEqual({ data: [lowest, highest], first: 0, wrong: [] });
    const range = `expected an integer from ${lowest} to ${highest} for dtype ${dtype}, came `;
    expect(written(dtype, [lowest - 1, 1, highest + 1, 1.5, '1']).wrong).toEqual([
      ['1', 'INPUT_DTYPE', `${range}${lowest - 1}`],
      ['3', 'INPUT_DTYPE', `${range}${highest + 1}`],
      ['4', 'INPUT_DTYPE', `${range}1.5`],
      ['5', 'INPUT_DTYPE', `${range}"1"`],
    ]);
    expect(written(dtype, [Number.NaN, 'Infinity'], true).wrong.map(([, code]) => code)).toEqual([
      'INPUT_NOT_FINITE',
      'INPUT_NOT_FINITE',
    ]);
  });

  it.each<[Dtype, bigint, bigint]>([
    ['int64', -9223372036854775808n, 9223372036854775807n],
    ['uint64', 0n, 18446744073709551615n],
  ])('%s holds %d to %d, as text where a number would be inexact', (dtype, lowest, highest) => {
    const ends = [String(lowest), String(highest), 7, Number.MAX_SAFE_INTEGER];
    expect(written(dtype, ends)).toEqual({ data: ends.map(BigInt), first: 0n, wrong: [] });
    const range = `expected an integer from ${lowest} to ${highest} for dtype ${dtype}, as a decimal string beyond`;
    for (const value of [
      String(lowest - 1n),
      String(highest + 1n),
      2 ** 53,
      1.5,
      '1.5',
      '0x10',
      '1 ',
      '',
      true,
      '1'.repeat(21),
    ])
      expect(written(dtype, [value]).wrong, String(value)).toEqual([
        ['1', 'INPUT_DTYPE', expect.stringContaining(range)],
      ]);
    expect(written(dtype, ['NaN']).wrong).toEqual([['1', 'INPUT_NOT_FINITE', expect.stringContaining(range)]]);
  });

  it.each<[Dtype, number, number]>([
    ['float16', 65504, 65520],
    ['float32', 3.4e38, 3.5e38],
  ])('%s holds %d and not %d', (dtype, most, beyond) => {
    expect(written(dtype, [most, -most]).wrong).toEqual([]);
    expect(written(dtype, [beyond, -beyond]).wrong).toEqual([
      ['1', 'INPUT_DTYPE', `expected a number that ${dtype} can hold, came ${beyond}; scale it down`],
      ['2', 'INPUT_DTYPE', `expected a number that ${dtype} can hold, came ${-beyond}; scale it down`],
    ]);
  });
});

describe('elements of another kind', () => {
  it.each<[Dtype, unknown, string]>([
    ['float32', '1', 'expected a number for dtype float32, came "1"'],
    ['float64', null, 'expected a number for dtype float64, came null'],
    ['bool', 1, 'expected true or false for dtype bool, came 1'],
    ['string', 7, 'expected a string for dtype string, came 7'],
    ['string', ['a'], 'expected a string for dtype string, came an array of 1'],
    ['int32', {}, 'expected an integer from -2147483648 to 2147483647 for dtype int32, came an object'],
  ])('%s is not %j', (dtype, value, message) => {
    expect(written(dtype, [value]).wrong).toEqual([['1', 'INPUT_DTYPE', message]]);
  });

  it('are no number by name, but where the dtype is said', () => {
    expect(written('float32', ['NaN', 'Infinity', '-Infinity'], true)).toMatchObject({
      data: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      wrong: [],
    });
    const cure = '"NaN", "Infinity" and "-Infinity" are taken only inside {dtype, shape, data} of a float dtype';
    expect(written('float32', ['NaN']).wrong).toEqual([
      ['1', 'INPUT_NOT_FINITE', `expected a finite number, came "NaN"; ${cure}`],
    ]);
    expect(written('float64', [Number.NaN]).wrong[0]?.[1]).toBe('INPUT_NOT_FINITE');
    expect(written('float32', ['toString'], true).wrong[0]?.[1]).toBe('INPUT_DTYPE');
  });

  it('leave room for the others', () => {
    expect(written('bool', [true, 0, false])).toMatchObject({
      data: [1, 0, 0],
      wrong: [['2', 'INPUT_DTYPE', expect.any(String)]],
    });
    expect(written('string', ['a', 0, 'b']).data).toEqual(['a', '', 'b']);
  });
});

describe('what is wrong with an input', () => {
  const refused = (count: number) => {
    const violations = new InputViolations();
    for (let at = 0; at < count; at++) violations.add(at === 0 ? 'INPUT_SHAPE' : 'INPUT_DTYPE', `x[${at}]`, 'no');
    return { violations, error: refusal(() => violations.throwIfAny()) };
  };

  it('is nothing while nothing was added', () => {
    expect(() => new InputViolations().throwIfAny()).not.toThrow();
    expect(new InputViolations().size).toBe(0);
  });

  it('is told by the first, and how many more there are', async () => {
    expect(await refused(1).error).toMatchObject({ code: 'INPUT_SHAPE', message: 'x[0]: no' });
    expect(await refused(3).error).toMatchObject({
      message: 'x[0]: no (and 2 more, see the list)',
      violations: ['x[0]', 'x[1]', 'x[2]'].map((path) => ({ path, message: 'no' })),
    });
  });

  it('is at most 32 things', async () => {
    expect([refused(31), refused(32)].map(({ violations }) => violations.full)).toEqual([false, true]);
    const { violations, error } = refused(100);
    expect(violations.size).toBe(32);
    expect((await error).message).toBe('x[0]: no (and at least 31 more, see the list)');
  });

  it('shows a value shortly', () => {
    expect(shown('a'.repeat(40))).toBe(`"${'a'.repeat(40)}"`);
    expect(shown('a'.repeat(41))).toBe(`"${'a'.repeat(40)}…"`);
    expect([[1, 2], null, {}, 1.5, undefined].map(shown)).toEqual([
      'an array of 2',
      'null',
      'an object',
      '1.5',
      'undefined',
    ]);
  });
});

it('an input is missing when it is undefined, or only every object has its name', async () => {
  const inputs = ['x', 'toString'].map((name) => ({ name, dtype: 'float32' as const, shape: [1] }));
  for (const features of [{ toString: [1] }, { x: undefined, toString: [1] }]) {
    const error = await refusal(() => featuresToTensors(features, inputs));
    expect([error.code, error.violations.map(({ path }) => path)]).toEqual(['INPUT_NAME', ['features.x']]);
  }
  const error = await refusal(() => featuresToTensors({ x: [1] }, inputs));
  expect([error.code, error.violations.map(({ path }) => path)]).toEqual(['INPUT_NAME', ['features.toString']]);
});
