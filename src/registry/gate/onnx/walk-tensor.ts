import { quote, refusal } from '../refusal.ts';
import { type ElementType, elementTypes, typedFields } from './element-types.ts';
import type { Walk } from './walk.ts';
import { messageWire, wire } from './wire-reader.ts';

/** Sizes of tensors are exact numbers up to here. */
const maxElements = Number.MAX_SAFE_INTEGER;

const tensorWire = messageWire({
  2: 'varint',
  3: 'length',
  6: 'length',
  8: 'length',
  9: 'length',
  12: 'length',
  13: 'length',
  14: 'varint',
  16: 'length',
});
const sparseWire = messageWire({ 1: 'length', 2: 'length' });

export interface TensorFacts {
  readonly name: string;
  readonly type: ElementType;
  readonly elements: number;
}

/**
 * Walks a TensorProto that ends at `end`: no external data, and exactly the data that its dimensions need.
 *
 * @throws AppError MODEL_EXTERNAL_DATA, MODEL_SHAPE, MODEL_DTYPE, MODEL_MALFORMED
 */
export function walkTensor(walk: Walk, end: number): TensorFacts {
  const { reader } = walk;
  const dims: Dims = { elements: 1, bad: undefined };
  const typed = new Map<number, number>();
  let name = '';
  let code = 0;
  let rawBytes: number | undefined;
  let external = false;
  while (reader.next(end, tensorWire)) {
    switch (reader.field) {
      case 1:
        takeDims(walk, end, dims);
        break;
      case 2:
        code = reader.int32();
        break;
      case 8:
        name = reader.text(end);
        break;
      case 9: {
        const last = reader.lengthWithin(end);
        rawBytes = last - reader.position;
        reader.position = last;
        break;
      }
      case 13:
        external = true;
        reader.skip(end);
        break;
      case 14:
        // Any location but 0 (in this file) is refused, also numbers that no one has defined yet.
        if (reader.int32() !== 0) external = true;
        break;
      case typedFields.float:
      case typedFields.int32:
      case typedFields.string:
      case typedFields.int64:
      case typedFields.double:
      case typedFields.uint64:
        typed.set(reader.field, (typed.get(reader.field) ?? 0) + countTyped(walk, end));
        break;
      default:
        reader.skip(end);
    }
  }
  const path = walk.trail.toString.bind(walk.trail);
  if (external) {
    throw refusal(
      'MODEL_EXTERNAL_DATA',
      path(),
      `tensor ${quote(name)} keeps its data in another file; expected all data inside the model. Save it without external data.`,
    );
  }
  const type = elementTypes[code];
  if (!type)
    throw refusal(
      'MODEL_DTYPE',
      path(),
      `tensor ${quote(name)} has element type ${code}; expected one of ONNX's types 1-${elementTypes.length - 1}. Export the model again.`,
    );
  if (dims.bad) throw refusal('MODEL_SHAPE', path(), `tensor ${quote(name)} ${dims.bad}. Export the model again.`);
  const problem = dataProblem(type, dims.elements, rawBytes, typed);
  if (problem) throw refusal('MODEL_SHAPE', path(), `tensor ${quote(name)} ${problem}. Export the model again.`);
  return { name, type, elements: dims.elements };
}

/**
 * Walks a SparseTensorProto. ONNX Runtime makes it dense, so what it claims to be is limited too.
 *
 * @throws AppError as `walkTensor`
 */
export function walkSparseTensor(walk: Walk, end: number): { readonly name: string } {
  const { reader } = walk;
  const dims: Dims = { elements: 1, bad: undefined };
  let values: TensorFacts | undefined;
  let indices: TensorFacts | undefined;
  while (reader.next(end, sparseWire)) {
    const part = reader.field === 1 ? 'values' : 'indices';
    if (reader.field === 3) takeDims(walk, end, dims);
    else if (reader.field > 2) reader.skip(end);
    else {
      const last = reader.lengthWithin(end);
      walk.trail.enter(part);
      const facts = walkTensor(walk, last);
      if (part === 'values' ? values : indices) throw reader.malformed('expected one tensor here, got two');
      walk.trail.leave();
      if (part === 'values') values = facts;
      else indices = facts;
    }
  }
  if (!values || !indices) throw reader.malformed('expected a sparse tensor with values and indices, one is missing');
  if (dims.bad)
    throw refusal('MODEL_SHAPE', walk.trail.toString(), `sparse tensor ${dims.bad}. Export the model again.`);
  // A string in C++ takes 32 bytes even when it is empty.
  walk.denseBytes += dims.elements * (values.type.bits / 8 || 32);
  if (walk.denseBytes > walk.limits.maxDenseBytes) {
    throw refusal(
      'MODEL_SHAPE',
      walk.trail.toString(),
      `sparse tensors take ${walk.denseBytes} bytes once dense; expected at most ${walk.limits.maxDenseBytes}. Store them smaller.`,
    );
  }
  return { name: values.name };
}

interface Dims {
  /** Product of the dimensions, and what is wrong with them. */
  elements: number;
  bad: string | undefined;
}

function takeDims(walk: Walk, end: number, dims: Dims): void {
  const { reader } = walk;
  if (reader.type !== wire.varint && reader.type !== wire.length)
    throw reader.malformed('expected dimensions as numbers');
  const last = reader.type === wire.length ? reader.lengthWithin(end) : reader.position + 1;
  // One by one there is a single number; packed there may be none.
  while (reader.position < last) {
    const size = reader.int64();
    dims.elements *= size;
    if (size < 0) dims.bad = `has the dimension ${size}; expected none below 0`;
    else if (size > maxElements || dims.elements > maxElements)
      dims.bad = 'has more than 2^53 elements by its dimensions';
    if (reader.type === wire.varint) return;
  }
  if (reader.position > last) throw reader.malformed('a list of dimensions ends inside a number');
}

function countTyped(walk: Walk, end: number): number {
  const { reader } = walk;
  const { field, type } = reader;
  if (type !== wire.length) {
    const alone =
      field === typedFields.float ? wire.fixed32 : field === typedFields.double ? wire.fixed64 : wire.varint;
    if (type !== alone) throw reader.malformed(`field ${field} has a wire type that its numbers cannot have`);
    reader.skip(end);
    return 1;
  }
  const last = reader.lengthWithin(end);
  if (field === typedFields.int32 || field === typedFields.int64 || field === typedFields.uint64) {
    return reader.countVarints(last);
  }
  const length = last - reader.position;
  reader.position = last;
  if (field === typedFields.string) return 1;
  const count = length / (field === typedFields.float ? 4 : 8);
  if (!Number.isInteger(count)) throw reader.malformed('a list of numbers ends inside a number');
  return count;
}

/** ONNX Runtime refuses the same mismatches, but only once it has the whole model in memory. */
function dataProblem(
  type: ElementType,
  elements: number,
  rawBytes: number | undefined,
  typed: ReadonlyMap<number, number>,
): string | undefined {
  if (rawBytes !== undefined && type.bits > 0) {
    const expected = Math.ceil((elements * type.bits) / 8);
    if (rawBytes !== expected)
      return `carries ${rawBytes} bytes; ${elements} elements of ${type.name} take ${expected}`;
    return typed.size > 0 ? 'carries its data twice, as raw bytes and as numbers' : undefined;
  }
  if (rawBytes !== undefined && rawBytes > 0) return 'carries strings as raw bytes';
  const expected = Math.ceil(elements * type.typedPerElement);
  const count = typed.get(type.typedField) ?? 0;
  if (count !== expected) return `carries ${count} values; ${elements} elements of ${type.name} take ${expected}`;
  return typed.size > (typed.has(type.typedField) ? 1 : 0)
    ? `carries data of another type than ${type.name}`
    : undefined;
}
