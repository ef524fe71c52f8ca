import { AppError } from '../../../errors.ts';

/** Ten minutes at 48 kHz. */
const maxSamples = 10 * 60 * 48_000;

/**
 * Takes sound out of JSON: samples between -1 and 1, mono, at the rate the model was trained with.
 *
 * @param value  a list of numbers, or `{"base64"}` of little-endian float32.
 * @throws AppError INVALID_INPUT
 */
export function readSamples(value: unknown): Float32Array {
  const samples = fromJson(value);
  if (!samples || samples.length === 0 || samples.length > maxSamples || !samples.every(Number.isFinite)) {
    const message = `expected 1 to ${maxSamples} finite samples as a list of numbers or {"base64"} of float32`;
    throw new AppError('INVALID_INPUT', `features.audio: ${message}.`, {
      violations: [{ path: 'features.audio', message }],
    });
  }
  return samples;
}

function fromJson(value: unknown): Float32Array | undefined {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'number') ? Float32Array.from(value) : undefined;
  const { base64 } = (value ?? {}) as { readonly base64?: unknown };
  if (typeof base64 !== 'string') return undefined;
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return bytes.length % 4 === 0 ? new Float32Array(bytes.buffer) : undefined;
}
