import type { onnx as Onnx } from 'onnx-proto';
import onnxProto from 'onnx-proto';
import { type Dtype, elementCount, type NumericDtype, type Tensor, typedArrayOf } from '../../src/lib/tensor.ts';

const { onnx } = onnxProto;

/** ONNX's element types that the wire knows, by their number in `TensorProto.DataType`. */
const dtypeOf: Readonly<Record<number, Dtype>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

/** The dtype of an ONNX element type, or undefined where the wire has none (bfloat16, complex, float8). */
export const dtypeOfElement = (elementType: number): Dtype | undefined => dtypeOf[elementType];

/** ONNX's own name of an element type, for messages. */
export const elementName = (elementType: number): string =>
  (onnx.TensorProto.DataType[elementType] ?? `type ${elementType}`).toLowerCase();

/**
 * Reads a serialised `TensorProto`, as the ONNX test set stores inputs and outputs.
 *
 * @throws Error when the element type is not a dtype of the wire or the data does not fit the shape.
 */
export function readTensorProto(bytes: Uint8Array): Tensor {
  const proto = onnx.TensorProto.decode(bytes);
  const dtype = dtypeOf[proto.dataType];
  if (dtype === undefined) throw new Error(`element type ${elementName(proto.dataType)} has no dtype on the wire`);
  const shape = proto.dims.map(Number);
  const data =
    dtype === 'string' ? proto.stringData.map((text) => Buffer.from(text).toString('utf8')) : numbersOf(proto, dtype);
  if (data.length !== elementCount(shape)) {
    throw new Error(`expected ${elementCount(shape)} elements for shape [${shape}], found ${data.length}`);
  }
  return { dtype, shape, data };
}

/** The elements of a numeric tensor: raw little-endian bytes, or the repeated field that goes with its type. */
function numbersOf(proto: Onnx.TensorProto, dtype: NumericDtype): Exclude<Tensor['data'], readonly string[]> {
  const ArrayType = typedArrayOf(dtype);
  if (proto.rawData.length > 0) return new ArrayType(Uint8Array.from(proto.rawData).buffer);
  if (dtype === 'int64') return BigInt64Array.from(proto.int64Data, (value) => BigInt(String(value)));
  if (dtype === 'uint64') return BigUint64Array.from(proto.uint64Data, (value) => BigInt(String(value)));
  if (dtype === 'float32') return Float32Array.from(proto.floatData);
  if (dtype === 'float64') return Float64Array.from(proto.doubleData);
  if (dtype === 'uint32') return Uint32Array.from(proto.uint64Data, Number);
  // Everything narrower travels in int32Data; float16 as its bits.
  return (ArrayType as Uint8ArrayConstructor).from(proto.int32Data) as Exclude<Tensor['data'], readonly string[]>;
}
