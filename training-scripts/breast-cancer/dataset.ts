import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { seededRandom, shuffled } from '../support/random.ts';

/** Classes in the order of the data's labels. */
export const classNames = ['malignant', 'benign'] as const;
export const measurementsPerCase = 30;

/** One examined mass: 30 measurements of its cell nuclei, and its class, 0 or 1. */
export interface Case {
  readonly measurements: readonly number[];
  readonly label: number;
}

export interface CaseSplit {
  readonly train: readonly Case[];
  readonly test: readonly Case[];
}

/**
 * Reads the gzipped table: a header of counts and class names, then 30 measurements and the class in each row.
 *
 * @throws Error naming the row that is not 30 numbers from 0 and a class.
 */
export function readCases(path: string): Case[] {
  const [header, ...rows] = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n');
  const expected = [rows.length, measurementsPerCase, ...classNames].join(',');
  if (header?.trim() !== expected) throw new Error(`header: expected ${expected}, got ${header?.slice(0, 80)}`);
  return rows.map((row, index) => {
    const numbers = row.split(',').map(Number);
    const measurements = numbers.slice(0, measurementsPerCase);
    const label = numbers[measurementsPerCase] ?? -1;
    const fits = numbers.length === measurementsPerCase + 1 && (label === 0 || label === 1);
    if (!fits || !measurements.every((value) => value >= 0 && Number.isFinite(value))) {
      throw new Error(`row ${index + 1}: expected 30 numbers from 0 and a class, got ${row.slice(0, 80)}`);
    }
    return { measurements, label };
  });
}

/** Splits so that both classes have the same share in both parts. @param testShare  0..1 */
export function splitCases(cases: readonly Case[], testShare: number, seed: number): CaseSplit {
  const random = seededRandom(seed);
  const parts = classNames.map((_, label) => {
    const ofClass = shuffled(
      cases.filter((one) => one.label === label),
      random,
    );
    const cut = Math.round(ofClass.length * testShare);
    return { test: ofClass.slice(0, cut), train: ofClass.slice(cut) };
  });
  return { train: parts.flatMap(({ train }) => train), test: parts.flatMap(({ test }) => test) };
}

/** Share of rows whose likelier class is theirs. @param probabilities `[cases, 2]`, row-major. */
export function shareRight(probabilities: ArrayLike<number>, cases: readonly Case[]): number {
  const right = cases.filter(({ label }, row) => {
    const [first = 0, second = 0] = [probabilities[row * 2], probabilities[row * 2 + 1]];
    return (second > first ? 1 : 0) === label;
  });
  return right.length / cases.length;
}
