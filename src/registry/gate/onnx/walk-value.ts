import { isUtf8 } from 'node:buffer';
import { quote, refusal } from '../refusal.ts';
import type { Walk } from './walk.ts';
import { messageWire } from './wire-reader.ts';

const valueWire = messageWire({ 1: 'length', 2: 'length', 3: 'length', 4: 'length' });
const typeWire = messageWire({
  1: 'length',
  4: 'length',
  5: 'length',
  6: 'length',
  7: 'length',
  8: 'length',
  9: 'length',
});
const tensorTypeWire = messageWire({ 1: 'varint', 2: 'length' });
const shapeWire = messageWire({ 1: 'length' });
const dimWire = messageWire({ 1: 'varint', 2: 'length', 3: 'length' });

const typeKinds: Readonly<Record<number, string>> = {
  1: 'a tensor',
  4: 'a sequence',
  5: 'a map',
  7: 'an opaque value',
  8: 'a sparse tensor',
  9: 'an optional value',
};

/** More dimensions than any runtime takes. */
const maxRank = 1_000;
/** What one of them takes in memory, roughly. */
const valueBytes = 256;
const dimBytes = 48;
const reservedNames: readonly string[] = ['', '__proto__'];

/** An input or output as ONNX declares it. */
export interface ValueFacts {
  readonly path: string;
  readonly name: string;
  /** What it is, such as `a tensor` or `a map`; undefined when the file does not say. */
  readonly kind?: string;
  /** TensorProto.DataType of a tensor; 0 when the file does not say. */
  readonly elementType: number;
  /** Absent when the file declares no shape. A free dimension is -1. */
  readonly dims?: readonly { readonly size: number; readonly name: string | null }[];
}

/**
 * Reads a ValueInfoProto that ends at `end`.
 *
 * @throws AppError MODEL_MALFORMED, MODEL_SHAPE
 */
export function walkValue(walk: Walk, end: number): ValueFacts {
  const { reader, trail } = walk;
  let name: Buffer = Buffer.alloc(0);
  reader.keep(valueBytes);
  let type: TypeFacts | undefined;
  while (reader.next(end, valueWire)) {
    if (reader.field === 1) name = reader.textBytes(end);
    else if (reader.field === 2) {
      if (type) throw reader.malformed('expected one type, got two');
      type = readType(walk, reader.lengthWithin(end));
    } else reader.skip(end);
  }
  const text = name.toString('utf8');
  if (!isUtf8(name) || reservedNames.includes(text)) {
    throw refusal(
      'MODEL_MALFORMED',
      trail.toString(),
      `expected a name in UTF-8 that can be a key, got ${quote(text)}. Rename it.`,
    );
  }
  return { path: trail.toString(), name: text, elementType: 0, ...type };
}

type TypeFacts = Pick<ValueFacts, 'kind' | 'elementType' | 'dims'>;

function readType(walk: Walk, end: number): TypeFacts {
  const { reader } = walk;
  let facts: TypeFacts = { elementType: 0 };
  while (reader.next(end, typeWire)) {
    const kind = typeKinds[reader.field];
    if (kind === undefined) {
      reader.skip(end);
      continue;
    }
    if (facts.kind !== undefined) throw reader.malformed('expected one type, got two');
    facts = { kind, elementType: 0 };
    if (kind === 'a tensor') facts = { kind, ...readTensorType(walk, reader.lengthWithin(end)) };
    else reader.skip(end);
  }
  return facts;
}

function readTensorType(walk: Walk, end: number): Pick<ValueFacts, 'elementType' | 'dims'> {
  const { reader } = walk;
  let elementType = 0;
  let dims: { size: number; name: string | null }[] | undefined;
  while (reader.next(end, tensorTypeWire)) {
    if (reader.field === 1) elementType = reader.int32();
    else if (reader.field === 2) {
      if (dims) throw reader.malformed('expected one shape, got two');
      dims = readShape(walk, reader.lengthWithin(end));
    } else reader.skip(end);
  }
  return { elementType, ...(dims && { dims }) };
}

function readShape(walk: Walk, end: number): { size: number; name: string | null }[] {
  const { reader } = walk;
  const dims: { size: number; name: string | null }[] = [];
  while (reader.next(end, shapeWire)) {
    if (reader.field === 1) {
      reader.keep(dimBytes);
      dims.push(readDim(walk, reader.lengthWithin(end)));
    } else reader.skip(end);
    if (dims.length > maxRank) {
      throw refusal(
        'MODEL_SHAPE',
        walk.trail.toString(),
        `expected at most ${maxRank} dimensions, got more. Reshape it.`,
      );
    }
  }
  const elements = dims.reduce((product, dim) => product * Math.abs(dim.size), 1);
  if (elements > Number.MAX_SAFE_INTEGER) {
    throw refusal(
      'MODEL_SHAPE',
      walk.trail.toString(),
      'its shape has more than 2^53 elements. Export the model again.',
    );
  }
  return dims;
}

function readDim(walk: Walk, end: number): { size: number; name: string | null } {
  const { reader } = walk;
  let size = -1;
  let name: string | null = null;
  while (reader.next(end, dimWire)) {
    if (reader.field === 1) {
      const declared = reader.int64();
      // Exporters write free dimensions as any negative number, and ONNX Runtime takes them so.
      size = declared < 0 ? -1 : declared;
      name = null;
    } else if (reader.field === 2) {
      name = reader.text(end) || null;
      size = -1;
    } else reader.skip(end);
  }
  return { size, name };
}
