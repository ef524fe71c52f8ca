import type { NamedTensorMap, Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { Dtype, TensorSpec } from '../../../lib/tensor.ts';

/** A loaded graph or layers model, in TensorFlow.js' own tensors. */
export interface Program {
  readonly inputs: readonly TensorSpec[];
  /** A shape is undefined where the file does not tell it; a run does. */
  readonly outputs: readonly {
    readonly name: string;
    readonly dtype: Dtype;
    readonly shape: readonly number[] | undefined;
  }[];
  /** @returns a tensor for each output, in the order of `outputs`. */
  run(inputs: NamedTensorMap): Promise<readonly TfTensor[]>;
  dispose(): void;
}

const held: Readonly<Record<string, Dtype>> = { float32: 'float32', int32: 'int32', bool: 'bool', string: 'string' };

/** The dtype of a TensorFlow.js tensor; what it does not know yet it will hold as float32. */
export const dtypeOf = (dtype: string | null | undefined): Dtype => held[dtype ?? 'float32'] ?? 'float32';

/** A shape with -1 for free dimensions. */
export const shapeOf = (sizes: readonly (number | null)[]): number[] =>
  sizes.map((size) => (size === null || size < 0 ? -1 : size));
