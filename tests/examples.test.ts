import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examplesBelow, examplesOf, mismatch, readValue } from './support/doc-examples.ts';

const src = join(import.meta.dirname, '..', 'src');
const examples = examplesBelow(src).map((example) => [relative(src, example.file), example] as const);

describe('every @example', () => {
  it('is found', () => expect(examples.length).toBeGreaterThanOrEqual(14));

  it.each(examples)('of %s is true: $expression', async (_path, { file, expression, result }) => {
    const value = await readValue(expression, await import(file));
    expect(mismatch(value, result)).toBeUndefined();
  });
});

describe('an example', () => {
  it.each([
    [0.8791, '≈ 0.879', true],
    [0.8796, '≈ 0.879', false],
    [0.5, '0.50', true],
    [300_000, '300000', true],
    [300_001, '300000', false],
    [0x3c00, '0x3c00', true],
    [Number.NaN, 'NaN', true],
    ['a', "'a'", true],
    ['b', "'a'", false],
    [undefined, 'undefined', true],
    [null, 'undefined', false],
    [{ a: [1] }, '{ a: [1] }', true],
    [{ a: [2] }, '{ a: [1] }', false],
    [{}, '{ a: 1 }', false],
    [Float32Array.of(1, 2), '[1, 2]', true],
    [['1'], '[1]', false],
    [1, "'1'", false],
  ])('%j said to be %s: %s', (value, result, right) => expect(mismatch(value, result) === undefined).toBe(right));

  it('is read from one line or several', () => {
    const source = `/** @example twice(2) // 4 */\n/**\n * Text.\n *\n * @example\n * twice('a // b') // 'x'\n * twice(3) // 6\n * @throws never\n */`;
    expect(examplesOf(source, 'f')).toEqual([
      { file: 'f', expression: 'twice(2)', result: '4' },
      { file: 'f', expression: "twice('a // b')", result: "'x'" },
      { file: 'f', expression: 'twice(3)', result: '6' },
    ]);
  });

  it.each(['/** @example twice(2) */', '/** @example */'])('without a result is an error: %s', (source) =>
    expect(() => examplesOf(source, 'f')).toThrow('f:'),
  );

  it('that cannot be run is an error', () => {
    expect(() => readValue('gone(1)', {})).toThrow(ReferenceError);
    expect(() => readValue('1 +', {})).toThrow(SyntaxError);
    expect(readValue('twice(2)', { twice: (x: number) => x * 2 })).toBe(4);
  });
});
