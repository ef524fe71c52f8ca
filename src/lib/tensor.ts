/** Tensor element types, named as NumPy names them. */
export const dtypes = [
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
] as const;
export type Dtype = (typeof dtypes)[number];

/**
 * Row-major data of a tensor. `float16` holds raw IEEE 754 binary16 bits, `bool` holds 0 or 1,
 * and 64-bit integers stay BigInt, so nothing is rounded between the wire and the model.
 */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

/** A tensor with all dimensions known. A scalar has shape `[]`; a dimension of 0 makes it empty. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Tensors by input or output name. */
export type TensorMap = Readonly<Record<string, Tensor>>;

/** What a model declares of one input or output; a free dimension is -1. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** True when the model runs without this input (it carries a default of its own). */
  readonly optional?: boolean;
}

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

export type NumericDtype = keyof typeof constructors;

/** The typed array class that holds a dtype. */
export const typedArrayOf = (dtype: NumericDtype): (typeof constructors)[NumericDtype] => constructors[dtype];

/** Bytes of one element; strings have no fixed size. */
export const bytesPerElement = (dtype: NumericDtype): number => constructors[dtype].BYTES_PER_ELEMENT;

/** Number of elements of a shape: the product of its dimensions, 1 for a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
