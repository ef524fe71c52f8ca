import { AppError } from '../../errors.ts';
import type { TensorMap } from '../../lib/tensor.ts';

/**
 * Reads one number a row from the named output, else from the first float output.
 *
 * @throws AppError BACKEND_FAILED when the model has no such output.
 */
export function regress(outputs: TensorMap, outputName?: string): { readonly value: number }[] {
  const isFloat = (dtype: string) => dtype === 'float32' || dtype === 'float64';
  const tensor =
    outputName === undefined ? Object.values(outputs).find(({ dtype }) => isFloat(dtype)) : outputs[outputName];
  if (!tensor || !isFloat(tensor.dtype)) {
    throw new AppError(
      'BACKEND_FAILED',
      'A regression needs a float32 or float64 output for its value. Set metadata.outputName to name one.',
    );
  }
  return Array.from(tensor.data as ArrayLike<number>, (value) => ({ value }));
}
