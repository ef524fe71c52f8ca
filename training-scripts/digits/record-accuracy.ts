import { readFileSync, writeFileSync } from 'node:fs';

/** What a model reached on pictures it was not trained on. */
export interface Accuracy {
  readonly metric: 'accuracy';
  /** 0..1 */
  readonly value: number;
  readonly dataset: string;
  /** Pictures in the test part. */
  readonly samples: number;
}

/** Writes the measured figure into a model's metadata file and leaves everything else as it is. */
export function recordAccuracy(metadataPath: string, accuracy: Accuracy): void {
  const file = JSON.parse(readFileSync(metadataPath, 'utf8')) as { metadata?: Record<string, unknown> };
  if (typeof file.metadata !== 'object') throw new Error(`${metadataPath}: expected an object under "metadata"`);
  file.metadata.accuracy = accuracy;
  writeFileSync(metadataPath, `${JSON.stringify(file, null, 2)}\n`);
}
