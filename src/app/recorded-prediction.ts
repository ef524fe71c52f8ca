import { createHash } from 'node:crypto';
import type { Prediction } from '../inference/predictor.ts';
import { Embeddings } from '../inference/tasks/embedding.ts';
import type { Metadata } from '../registry/metadata.ts';

const maxBytes = 65_536;
/** A float32 takes at least this many characters of JSON, so longer vectors need not be written out to be measured. */
const shortestNumber = 8;

/**
 * What an event keeps of a prediction: all of it, or for vectors above 64 kB of JSON only their sha256
 * (over the little-endian float32 bytes) and shape.
 *
 * @returns JSON text
 */
export function recordedPrediction({ prediction, vectors }: Prediction, metadata: Metadata): string {
  const full = metadata.serving?.recordPrediction === 'full';
  if (vectors && !full && vectors.data.length * shortestNumber > maxBytes) return digestOf(vectors);
  const text =
    prediction instanceof Embeddings ? prediction.toJsonBytes().toString('latin1') : JSON.stringify(prediction);
  return vectors && !full && text.length > maxBytes ? digestOf(vectors) : text;
}

function digestOf({ data, dimension }: NonNullable<Prediction['vectors']>): string {
  const sha256 = createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
  return JSON.stringify({ sha256, shape: [dimension === 0 ? 0 : data.length / dimension, dimension] });
}
