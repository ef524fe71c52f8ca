import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { seededRandom, shuffled } from '../support/random.ts';

export const classes = 10;
/** Width and height of a picture. */
export const side = 8;
export const pixelsPerImage = side * side;
/** The brightest value of a pixel. */
export const maxPixel = 16;

/** A picture: 64 values 0..16, row by row, and the digit it shows. */
export interface Digit {
  readonly pixels: readonly number[];
  readonly label: number;
}

export interface Split {
  readonly train: readonly Digit[];
  readonly test: readonly Digit[];
}

/**
 * Reads the gzipped table: 64 pixels and the label in each row.
 *
 * @throws Error naming the row that is not 64 values of 0..16 and a label of 0..9.
 */
export function readDigits(path: string): Digit[] {
  const rows = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n');
  return rows.map((row, index) => {
    const numbers = row.split(',').map(Number);
    const label = numbers[pixelsPerImage] ?? -1;
    const pixels = numbers.slice(0, pixelsPerImage);
    const inRange = (value: number, top: number) => Number.isInteger(value) && value >= 0 && value <= top;
    const fits = numbers.length === pixelsPerImage + 1 && inRange(label, classes - 1);
    if (!fits || !pixels.every((value) => inRange(value, maxPixel))) {
      throw new Error(`row ${index + 1}: expected 64 values of 0..16 and a label of 0..9, got ${row.slice(0, 80)}`);
    }
    return { pixels, label };
  });
}

/**
 * Splits so that every digit has the same share in both parts.
 *
 * @param testShare  0..1, rounded to whole pictures per digit.
 */
export function splitStratified(digits: readonly Digit[], testShare: number, seed: number): Split {
  const random = seededRandom(seed);
  const train: Digit[] = [];
  const test: Digit[] = [];
  for (let label = 0; label < classes; label++) {
    const ofLabel = shuffled(
      digits.filter((digit) => digit.label === label),
      random,
    );
    const cut = Math.round(ofLabel.length * testShare);
    test.push(...ofLabel.slice(0, cut));
    train.push(...ofLabel.slice(cut));
  }
  return { train, test };
}

/** A picture moved by whole pixels; what leaves the frame is lost and 0 comes in. */
export function shifted(pixels: readonly number[], right: number, down: number): number[] {
  return pixels.map((_, index) => {
    const column = (index % side) - right;
    const row = Math.floor(index / side) - down;
    const inside = column >= 0 && column < side && row >= 0 && row < side;
    return inside ? (pixels[row * side + column] as number) : 0;
  });
}

/** Share of rows whose highest probability is the label's. @param probabilities `[images, 10]`, row-major. */
export function accuracyOf(probabilities: ArrayLike<number>, digits: readonly Digit[]): number {
  const right = digits.filter(({ label }, row) => {
    const ofRow = Array.from({ length: classes }, (_, index) => probabilities[row * classes + index] as number);
    return ofRow.indexOf(Math.max(...ofRow)) === label;
  });
  return right.length / digits.length;
}
