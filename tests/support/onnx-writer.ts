import { bytesField, floatField, intField, varint } from './protobuf-writer.ts';

/**
 * Builds small ONNX models byte by byte, so that tests need no ONNX library and can also write models that
 * no library would write. Every helper returns the bytes of one protobuf message.
 *
 * @example
 * onnxModel({
 *   inputs: [value('x', 'float32', ['batch', 2])],
 *   outputs: [value('y', 'float32', ['batch', 2])],
 *   initializers: [tensor('one', 'float32', [2], [1, 1])],
 *   nodes: [node('Add', ['x', 'one'], ['y'])],
 * })
 */

/** TensorProto.DataType, by this project's names where it has them. */
export const onnxTypes = {
  undefined: 0,
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;
export type OnnxType = keyof typeof onnxTypes;

type Numbers = readonly (number | bigint)[];

const writers: Partial<Record<OnnxType, (value: number | bigint) => Buffer>> = {
  float32: (value) => Buffer.from(Float32Array.of(Number(value)).buffer),
  float64: (value) => Buffer.from(Float64Array.of(Number(value)).buffer),
  int8: (value) => Buffer.from(Int8Array.of(Number(value)).buffer),
  uint8: (value) => Buffer.from([Number(value)]),
  bool: (value) => Buffer.from([Number(value)]),
  int16: (value) => Buffer.from(Int16Array.of(Number(value)).buffer),
  uint16: (value) => Buffer.from(Uint16Array.of(Number(value)).buffer),
  float16: (value) => Buffer.from(Uint16Array.of(Number(value)).buffer),
  bfloat16: (value) => Buffer.from(Uint16Array.of(Number(value)).buffer),
  int32: (value) => Buffer.from(Int32Array.of(Number(value)).buffer),
  uint32: (value) => Buffer.from(Uint32Array.of(Number(value)).buffer),
  int64: (value) => Buffer.from(BigInt64Array.of(BigInt(value)).buffer),
  uint64: (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer),
};

export interface TensorParts {
  readonly name?: string;
  readonly type: OnnxType;
  readonly dims: readonly (number | bigint)[];
  /** `raw_data`. */
  readonly raw?: Uint8Array;
  readonly floatData?: readonly number[];
  readonly int32Data?: Numbers;
  readonly int64Data?: Numbers;
  readonly doubleData?: readonly number[];
  readonly uint64Data?: Numbers;
  readonly strings?: readonly string[];
  /** `external_data` entries. */
  readonly external?: Readonly<Record<string, string>>;
  /** `data_location`; 1 is EXTERNAL. */
  readonly location?: number | bigint;
}

/** A TensorProto from whichever parts are given, consistent or not. */
export function tensorParts(parts: TensorParts): Buffer {
  const packed = (field: number, values: Numbers | undefined): Buffer[] =>
    values ? [bytesField(field, Buffer.concat(values.map(varint)))] : [];
  return Buffer.concat([
    ...parts.dims.map((size) => intField(1, size)),
    intField(2, onnxTypes[parts.type]),
    ...(parts.floatData ? [bytesField(4, Buffer.from(Float32Array.from(parts.floatData).buffer))] : []),
    ...packed(5, parts.int32Data),
    ...(parts.strings ?? []).map((text) => bytesField(6, text)),
    ...packed(7, parts.int64Data),
    ...(parts.name === undefined ? [] : [bytesField(8, parts.name)]),
    ...(parts.raw ? [bytesField(9, parts.raw)] : []),
    ...(parts.doubleData ? [bytesField(10, Buffer.from(Float64Array.from(parts.doubleData).buffer))] : []),
    ...packed(11, parts.uint64Data),
    ...Object.entries(parts.external ?? {}).map(([key, text]) =>
      bytesField(13, Buffer.concat([bytesField(1, key), bytesField(2, text)])),
    ),
    ...(parts.location === undefined ? [] : [intField(14, parts.location)]),
  ]);
}

/** A well-formed TensorProto. `values` in row-major order; float16 and bfloat16 as raw 16-bit patterns. */
export function tensor(
  name: string,
  type: OnnxType,
  dims: readonly number[],
  values: Numbers | readonly string[],
): Buffer {
  if (type === 'string') return tensorParts({ name, type, dims, strings: values as readonly string[] });
  const write = writers[type];
  if (!write) throw new Error(`tensor() cannot write ${type}; use tensorParts() with raw bytes`);
  return tensorParts({ name, type, dims, raw: Buffer.concat((values as Numbers).map(write)) });
}

/** A SparseTensorProto: the densified shape, the values that are set and their linear indices. */
export const sparseTensor = (dims: readonly (number | bigint)[], values: Buffer, indices: Buffer): Buffer =>
  Buffer.concat([bytesField(1, values), bytesField(2, indices), ...dims.map((size) => intField(3, size))]);

export type Dim = number | bigint | string | null;

const shapeProto = (dims: readonly Dim[]): Buffer =>
  Buffer.concat(
    dims.map((dim) =>
      bytesField(1, dim === null ? Buffer.alloc(0) : typeof dim === 'string' ? bytesField(2, dim) : intField(1, dim)),
    ),
  );

/** A TypeProto. `dims` with a number for a fixed size, a string for a named one, null for a free one. */
export const tensorType = (type: OnnxType, dims?: readonly Dim[]): Buffer =>
  bytesField(1, Buffer.concat([intField(1, onnxTypes[type]), ...(dims ? [bytesField(2, shapeProto(dims))] : [])]));
export const sequenceType = (element: Buffer): Buffer => bytesField(4, bytesField(1, element));
export const mapType = (key: OnnxType, element: Buffer): Buffer =>
  bytesField(5, Buffer.concat([intField(1, onnxTypes[key]), bytesField(2, element)]));
export const optionalType = (element: Buffer): Buffer => bytesField(9, bytesField(1, element));
export const sparseType = (type: OnnxType, dims: readonly Dim[]): Buffer =>
  bytesField(8, Buffer.concat([intField(1, onnxTypes[type]), bytesField(2, shapeProto(dims))]));

/** A ValueInfoProto of any type; without a type when none is given. */
export const typedValue = (name: string, type?: Buffer): Buffer =>
  Buffer.concat([bytesField(1, name), ...(type ? [bytesField(2, type)] : [])]);

/** A ValueInfoProto of a tensor. Without `dims` the shape is left out altogether. */
export const value = (name: string, type: OnnxType, dims?: readonly Dim[]): Buffer =>
  typedValue(name, tensorType(type, dims));

/** An attribute's value, by the AttributeProto field that holds it. */
export type AttributeValue =
  | { readonly f: number }
  | { readonly i: number | bigint }
  | { readonly s: string }
  | { readonly t: Buffer }
  | { readonly g: Buffer }
  | { readonly floats: readonly number[] }
  | { readonly ints: Numbers }
  | { readonly strings: readonly string[] }
  | { readonly tensors: readonly Buffer[] }
  | { readonly graphs: readonly Buffer[] }
  | { readonly sparse: Buffer }
  | { readonly sparses: readonly Buffer[] }
  | { readonly ref: string; readonly type: number };

export function attribute(name: string, content: AttributeValue): Buffer {
  const fields = (): readonly [type: number, ...bytes: Buffer[]] => {
    if ('f' in content) return [1, floatField(2, content.f)];
    if ('i' in content) return [2, intField(3, content.i)];
    if ('s' in content) return [3, bytesField(4, content.s)];
    if ('t' in content) return [4, bytesField(5, content.t)];
    if ('g' in content) return [5, bytesField(6, content.g)];
    if ('floats' in content) return [6, ...content.floats.map((one) => floatField(7, one))];
    if ('ints' in content) return [7, ...content.ints.map((one) => intField(8, one))];
    if ('strings' in content) return [8, ...content.strings.map((one) => bytesField(9, one))];
    if ('tensors' in content) return [9, ...content.tensors.map((one) => bytesField(10, one))];
    if ('graphs' in content) return [10, ...content.graphs.map((one) => bytesField(11, one))];
    if ('sparse' in content) return [11, bytesField(22, content.sparse)];
    if ('sparses' in content) return [12, ...content.sparses.map((one) => bytesField(23, one))];
    return [content.type, bytesField(21, content.ref)];
  };
  const [type, ...bytes] = fields();
  return Buffer.concat([bytesField(1, name), ...bytes, intField(20, type)]);
}

/** A NodeProto. `domain` is the ONNX one unless said. */
export const node = (
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): Buffer =>
  Buffer.concat([
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(4, operator),
    ...Object.entries(attributes).map(([name, content]) => bytesField(5, attribute(name, content))),
    ...(domain ? [bytesField(7, domain)] : []),
  ]);

export interface GraphParts {
  readonly name?: string;
  readonly nodes?: readonly Buffer[];
  readonly inputs?: readonly Buffer[];
  readonly outputs?: readonly Buffer[];
  readonly initializers?: readonly Buffer[];
  readonly sparseInitializers?: readonly Buffer[];
}

/** A GraphProto. */
export const graph = (parts: GraphParts): Buffer =>
  Buffer.concat([
    ...(parts.nodes ?? []).map((one) => bytesField(1, one)),
    bytesField(2, parts.name ?? 'graph'),
    ...(parts.initializers ?? []).map((one) => bytesField(5, one)),
    ...(parts.inputs ?? []).map((one) => bytesField(11, one)),
    ...(parts.outputs ?? []).map((one) => bytesField(12, one)),
    ...(parts.sparseInitializers ?? []).map((one) => bytesField(15, one)),
  ]);

/** An OperatorSetIdProto. */
export const opsetId = (domain: string, version: number | bigint): Buffer =>
  Buffer.concat([...(domain ? [bytesField(1, domain)] : []), intField(2, version)]);

export interface FunctionParts {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly Buffer[];
  /** Opset version by domain; the ONNX one is `''`. */
  readonly opsets?: Readonly<Record<string, number>>;
  /** `attribute_proto`: attributes with a default value. */
  readonly defaults?: readonly Buffer[];
}

/** A FunctionProto: a local function that nodes of its domain may call. */
export const functionProto = (parts: FunctionParts): Buffer =>
  Buffer.concat([
    bytesField(1, parts.name),
    ...parts.inputs.map((name) => bytesField(4, name)),
    ...parts.outputs.map((name) => bytesField(5, name)),
    ...parts.nodes.map((one) => bytesField(7, one)),
    ...Object.entries(parts.opsets ?? { '': 21 }).map(([domain, version]) => bytesField(9, opsetId(domain, version))),
    bytesField(10, parts.domain),
    ...(parts.defaults ?? []).map((one) => bytesField(11, one)),
  ]);

export interface ModelParts extends GraphParts {
  /** Version of the ONNX operator set; 21 unless said. */
  readonly opset?: number | bigint;
  /** Further operator sets: version by domain. */
  readonly domains?: Readonly<Record<string, number>>;
  readonly irVersion?: number | bigint;
  readonly functions?: readonly Buffer[];
  /** TrainingInfoProto messages. */
  readonly trainingInfo?: readonly Buffer[];
  /** Bytes put at the end of the model as they are. */
  readonly tail?: Buffer;
}

/** A ModelProto: what stands in an `.onnx` file. */
export const onnxModel = (parts: ModelParts): Buffer =>
  Buffer.concat([
    intField(1, parts.irVersion ?? 10),
    bytesField(2, 'onnx-writer'),
    bytesField(7, graph(parts)),
    bytesField(8, opsetId('', parts.opset ?? 21)),
    ...Object.entries(parts.domains ?? {}).map(([domain, version]) => bytesField(8, opsetId(domain, version))),
    ...(parts.trainingInfo ?? []).map((one) => bytesField(20, one)),
    ...(parts.functions ?? []).map((one) => bytesField(25, one)),
    ...(parts.tail ? [parts.tail] : []),
  ]);

/** TrainingInfoProto with an algorithm graph. */
export const trainingInfo = (algorithm: Buffer): Buffer => bytesField(2, algorithm);
