import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { projectRoot } from '../../scripts/harper/project-root.ts';

export interface Digit {
  /** 64 values 0..16. */
  readonly pixels: readonly number[];
  readonly label: string;
}

/** One of the real digits in `models/data/`. */
export function readDigit(row: number): Digit {
  const text = gunzipSync(readFileSync(join(projectRoot, 'models', 'data', 'digits.csv.gz'))).toString();
  const values = text
    .trim()
    .split('\n')
    .filter((line) => /^[\d.]/.test(line))
    [row]?.split(',');
  if (values?.length !== 65)
    throw new Error(`Expected 64 pixels and a label in row ${row}, got ${values?.length} values`);
  return { pixels: values.slice(0, 64).map(Number), label: String(Number(values[64])) };
}
