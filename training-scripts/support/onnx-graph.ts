import type { onnx as Onnx } from 'onnx-proto';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const opset = 17;
const irVersion = 8;

/** A node with one output, named after it; attributes keep their defaults. */
export const operator = (opType: string, input: string[], output: string): Onnx.INodeProto => ({
  opType,
  name: output,
  input,
  output: [output],
});

export const floatTensor = (name: string, dims: readonly number[], values: Float32Array): Onnx.ITensorProto => ({
  name,
  dims: [...dims],
  dataType: onnx.TensorProto.DataType.FLOAT,
  rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** A float32 tensor `[batch, width]`. */
export const batchOf = (name: string, width: number): Onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: onnx.TensorProto.DataType.FLOAT,
      shape: { dim: [{ dimParam: 'batch' }, { dimValue: width }] },
    },
  },
});

/** The bytes of an ONNX file. */
export const onnxFile = (producerName: string, graph: Onnx.IGraphProto): Uint8Array =>
  onnx.ModelProto.encode(
    onnx.ModelProto.fromObject({ irVersion, producerName, opsetImport: [{ domain: '', version: opset }], graph }),
  ).finish();
