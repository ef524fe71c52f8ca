import type { Dtype, TensorData } from '../../../lib/tensor.ts';
import { tensorToJson } from '../../tensor-json/tensor-to-json.ts';

interface TensorLike {
  readonly type: Dtype;
  readonly dims: readonly number[];
  readonly data: TensorData;
}
interface ImageLike {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}
interface AudioLike {
  readonly audio: Float32Array;
  readonly sampling_rate: number;
}

const has = (value: object, ...names: readonly string[]): boolean => names.every((name) => name in value);

/**
 * A pipeline's result as JSON carries it. Tensors and images (`[height, width, channels]`) become
 * `{dtype, shape, data}`; numbers that JSON cannot hold become strings, as in tensors.
 */
export function plainJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plainJson);
  if (has(value, 'dims', 'type', 'data')) {
    const { type, dims, data } = value as TensorLike;
    return tensorToJson({ dtype: type, shape: dims, data });
  }
  if (has(value, 'width', 'height', 'channels', 'data')) {
    const { width, height, channels, data } = value as ImageLike;
    return tensorToJson({ dtype: 'uint8', shape: [height, width, channels], data });
  }
  if (has(value, 'audio', 'sampling_rate')) {
    const { audio, sampling_rate } = value as AudioLike;
    return { audio: tensorToJson({ dtype: 'float32', shape: [audio.length], data: audio }), sampling_rate };
  }
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array, plainJson);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainJson(member)]));
}
