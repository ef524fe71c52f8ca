import proto from 'onnx-proto';
import type { Dtype } from '../../src/lib/tensor.ts';

const { onnx } = proto;
const { DataType } = onnx.TensorProto;

const dataTypes: Record<Dtype, number> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  int8: DataType.INT8,
  int16: DataType.INT16,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  uint16: DataType.UINT16,
  uint32: DataType.UINT32,
  uint64: DataType.UINT64,
  bool: DataType.BOOL,
  string: DataType.STRING,
};

export interface TinyValue {
  readonly name: string;
  readonly dtype: Dtype;
  /** A string is a free dimension of that name. */
  readonly shape: readonly (number | string)[];
}

export interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Numbers become INT attributes, arrays of numbers INTS. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface TinyInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int64';
  readonly values: readonly number[];
}

export interface TinyGraph {
  readonly inputs: readonly TinyValue[];
  readonly outputs: readonly TinyValue[];
  readonly nodes: readonly TinyNode[];
  readonly initializers?: readonly TinyInitializer[];
  readonly opset?: number;
}

const valueInfo = ({ name, dtype, shape }: TinyValue) => ({
  name,
  type: {
    tensorType: {
      elemType: dataTypes[dtype],
      shape: { dim: shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size })) },
    },
  },
});

const tensorProto = ({ name, shape, dtype, values }: TinyInitializer) => ({
  name,
  dims: [...shape],
  dataType: dataTypes[dtype],
  ...(dtype === 'float32' ? { floatData: [...values] } : { int64Data: [...values] }),
});

const { INT, INTS } = onnx.AttributeProto.AttributeType;
const attributeProto = ([name, value]: [string, number | readonly number[]]) =>
  typeof value === 'number' ? { name, type: INT, i: value } : { name, type: INTS, ints: [...value] };

/** Bytes of an ONNX file that holds this graph. */
export function tinyOnnx(graph: TinyGraph): Uint8Array {
  const model = onnx.ModelProto.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: '', version: graph.opset ?? 13 }],
    graph: {
      name: 'tiny',
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
      initializer: (graph.initializers ?? []).map(tensorProto),
      node: graph.nodes.map(({ op, inputs, outputs, attributes }) => ({
        opType: op,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes ?? {}).map(attributeProto),
      })),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

/** A model that returns its input `x` unchanged as `y`. */
export const identityOnnx = (dtype: Dtype, shape: readonly (number | string)[]): Uint8Array =>
  tinyOnnx({
    inputs: [{ name: 'x', dtype, shape }],
    outputs: [{ name: 'y', dtype, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });

/** `sum = a + b` over float32 `[batch, 2]`. */
export const addOnnx = (): Uint8Array =>
  tinyOnnx({
    inputs: [
      { name: 'a', dtype: 'float32', shape: ['batch', 2] },
      { name: 'b', dtype: 'float32', shape: ['batch', 2] },
    ],
    outputs: [{ name: 'sum', dtype: 'float32', shape: ['batch', 2] }],
    nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] }],
  });

/** `y = x + bias`, where `bias` is an input with a default of 10. */
export const defaultedOnnx = (): Uint8Array =>
  tinyOnnx({
    inputs: [
      { name: 'x', dtype: 'float32', shape: [2] },
      { name: 'bias', dtype: 'float32', shape: [1] },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
    nodes: [{ op: 'Add', inputs: ['x', 'bias'], outputs: ['y'] }],
    initializers: [{ name: 'bias', shape: [1], dtype: 'float32', values: [10] }],
  });

/** `y = x` beside `s = [x]`, a sequence, as converters of scikit-learn give one beside the label. */
export function sequenceBesideTensorOnnx(): Uint8Array {
  const float = { elemType: dataTypes.float32, shape: { dim: [{ dimValue: 2 }] } };
  const model = onnx.ModelProto.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'tiny',
      input: [{ name: 'x', type: { tensorType: float } }],
      output: [
        { name: 's', type: { sequenceType: { elemType: { tensorType: float } } } },
        { name: 'y', type: { tensorType: float } },
      ],
      node: [
        { opType: 'SequenceConstruct', input: ['x'], output: ['s'] },
        { opType: 'Identity', input: ['x'], output: ['y'] },
      ],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}
