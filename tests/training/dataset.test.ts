import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { accuracyOf, readDigits, shifted, splitStratified } from '../../training-scripts/digits/dataset.ts';

const file = fileURLToPath(new URL('../../models/data/digits.csv.gz', import.meta.url));
const digits = readDigits(file);
const perLabel = (part: readonly { label: number }[]) =>
  Array.from({ length: 10 }, (_, label) => part.filter((digit) => digit.label === label).length);

describe('readDigits', () => {
  it('reads the whole set, with the counts scikit-learn names', () => {
    expect(digits).toHaveLength(1797);
    expect(perLabel(digits)).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    expect(digits[0]).toMatchObject({ label: 0, pixels: expect.arrayContaining([15]) });
    expect(digits[0]?.pixels.slice(0, 8)).toEqual([0, 0, 5, 13, 9, 1, 0, 0]);
  });
});

describe('splitStratified', () => {
  const { train, test } = splitStratified(digits, 0.2, 1);

  it('puts every picture in one part, and a fifth of every digit in the test part', () => {
    expect(new Set([...train, ...test]).size).toBe(1797);
    expect(train.length + test.length).toBe(1797);
    expect(perLabel(test)).toEqual(perLabel(digits).map((count) => Math.round(count * 0.2)));
  });

  it('depends on the seed and on nothing else', () => {
    expect(splitStratified(digits, 0.2, 1).test).toEqual(test);
    expect(splitStratified(digits, 0.2, 2).test).not.toEqual(test);
  });
});

describe('shifted', () => {
  const dot = (row: number, column: number) =>
    Array.from({ length: 64 }, (_, index) => (index === row * 8 + column ? 16 : 0));

  it('moves right and down, and loses what leaves the frame', () => {
    expect(shifted(dot(3, 4), 1, 0)).toEqual(dot(3, 5));
    expect(shifted(dot(3, 4), 0, -1)).toEqual(dot(2, 4));
    expect(shifted(dot(3, 7), 1, 0)).toEqual(new Array(64).fill(0));
    expect(shifted(dot(0, 4), 0, -1)).toEqual(new Array(64).fill(0));
  });
});

describe('accuracyOf', () => {
  it('is the share of rows whose highest value is the label', () => {
    const row = (label: number) => Array.from({ length: 10 }, (_, index) => (index === label ? 0.7 : 0.03));
    const seen = [7, 1].map((label) => ({ label, pixels: [] }));
    expect(accuracyOf([...row(7), ...row(2)], seen)).toBe(0.5);
  });
});
