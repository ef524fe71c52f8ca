import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { AppError } from '../../../errors.ts';
import type { Tensor, TensorSpec } from '../../../lib/tensor.ts';
import type { Tensorflow } from './runtime.ts';

/**
 * A tensor in TensorFlow.js. It has no 64-bit integers and holds them as int32, so a value beyond is refused.
 *
 * @throws AppError INPUT_DTYPE
 */
export function toTensorflow(tf: Tensorflow, { name, dtype }: TensorSpec, { data, ...given }: Tensor): TfTensor {
  const shape = [...given.shape];
  if (given.dtype === 'int64' && dtype === 'int32')
    return tf.tensor(narrow(name, data as BigInt64Array), shape, 'int32');
  if (given.dtype !== dtype) {
    throw new AppError(
      'INPUT_DTYPE',
      `features.${name}: expected ${dtype}, came ${given.dtype}; send the declared dtype`,
    );
  }
  return tf.tensor(data as Float32Array | string[], shape, dtype as 'float32' | 'int32' | 'bool' | 'string');
}

function narrow(name: string, data: BigInt64Array): Int32Array {
  const index = data.findIndex((value) => BigInt.asIntN(32, value) !== value);
  if (index < 0) return Int32Array.from(data, Number);
  const message = `features.${name}: expected integers of 32 bits, which is what TensorFlow.js holds, came ${data[index]} at ${index}; use smaller ids`;
  throw new AppError('INPUT_DTYPE', message);
}

/** @throws AppError MODEL_DTYPE for complex numbers */
export async function fromTensorflow(name: string, tensor: TfTensor): Promise<Tensor> {
  const shape = [...tensor.shape];
  const data: unknown = await tensor.data();
  switch (tensor.dtype) {
    case 'string':
      return { dtype: 'string', shape, data: data as unknown as string[] };
    case 'bool':
      return { dtype: 'bool', shape, data: Uint8Array.from(data as Uint8Array) };
    case 'int32':
      return { dtype: 'int32', shape, data: Int32Array.from(data as Int32Array) };
    case 'float32':
      // A copy: the JavaScript runtime hands out its own memory, which may even be the caller's input.
      return { dtype: 'float32', shape, data: Float32Array.from(data as Float32Array) };
    default:
      throw new AppError(
        'MODEL_DTYPE',
        `Expected the output "${name}" to be float32, int32, bool or string, came ${tensor.dtype}; cast it inside the model`,
      );
  }
}
