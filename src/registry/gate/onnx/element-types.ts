import type { Dtype } from '../../../lib/tensor.ts';

/** Fields of TensorProto that hold data by type instead of as raw bytes. */
export const typedFields = { float: 4, int32: 5, string: 6, int64: 7, double: 10, uint64: 11 } as const;

export interface ElementType {
  readonly name: string;
  /** Ours, when JavaScript can hold it as an input or output. */
  readonly dtype?: Dtype;
  /** Of one element in `raw_data`; a string has none. */
  readonly bits: number;
  readonly typedField: number;
  /** Values in the typed field for each element: 2 for complex numbers, ½ for packed 4-bit ones. */
  readonly typedPerElement: number;
}

const { float, int32, string, int64, double, uint64 } = typedFields;

const held = (dtype: Dtype, bits: number, typedField: number): ElementType => ({
  name: dtype,
  dtype,
  bits,
  typedField,
  typedPerElement: 1,
});
const internal = (name: string, bits: number, typedField: number, typedPerElement = 1): ElementType => ({
  name,
  bits,
  typedField,
  typedPerElement,
});

/**
 * TensorProto.DataType, by number. The types without a `dtype` may be used inside a graph only: as an output
 * int4 and uint4 abort the process and the others fail (tried on onnxruntime-node 1.30.0).
 */
export const elementTypes: readonly (ElementType | undefined)[] = [
  undefined,
  held('float32', 32, float),
  held('uint8', 8, int32),
  held('int8', 8, int32),
  held('uint16', 16, int32),
  held('int16', 16, int32),
  held('int32', 32, int32),
  held('int64', 64, int64),
  held('string', 0, string),
  held('bool', 8, int32),
  held('float16', 16, int32),
  held('float64', 64, double),
  held('uint32', 32, uint64),
  held('uint64', 64, uint64),
  internal('complex64', 64, float, 2),
  internal('complex128', 128, double, 2),
  internal('bfloat16', 16, int32),
  internal('float8e4m3fn', 8, int32),
  internal('float8e4m3fnuz', 8, int32),
  internal('float8e5m2', 8, int32),
  internal('float8e5m2fnuz', 8, int32),
  internal('uint4', 4, int32, 1 / 2),
  internal('int4', 4, int32, 1 / 2),
  internal('float4e2m1', 4, int32, 1 / 2),
  internal('float8e8m0', 8, int32),
  internal('uint2', 2, int32, 1 / 4),
  internal('int2', 2, int32, 1 / 4),
];
