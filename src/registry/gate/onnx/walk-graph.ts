import { refusal } from '../refusal.ts';
import { type OperatorUse, operatorKey, plainDomain } from './operators.ts';
import { under, type Walk } from './walk.ts';
import { walkSparseTensor, walkTensor } from './walk-tensor.ts';
import { type ValueFacts, walkValue } from './walk-value.ts';
import { messageWire } from './wire-reader.ts';

const graphWire = messageWire({
  1: 'length',
  2: 'length',
  5: 'length',
  10: 'length',
  11: 'length',
  12: 'length',
  13: 'length',
  14: 'length',
  15: 'length',
  16: 'length',
});
const nodeWire = messageWire({
  1: 'length',
  2: 'length',
  3: 'length',
  4: 'length',
  5: 'length',
  6: 'length',
  7: 'length',
  8: 'length',
  9: 'length',
  10: 'length',
});
const attributeWire = messageWire({
  1: 'length',
  2: 'fixed32',
  3: 'varint',
  4: 'length',
  5: 'length',
  6: 'length',
  9: 'length',
  10: 'length',
  11: 'length',
  13: 'length',
  14: 'length',
  15: 'length',
  20: 'varint',
  21: 'length',
  22: 'length',
  23: 'length',
});

/** What is remembered of the main graph. Protobuf merges a graph that is written twice, so this adds up. */
export interface GraphFacts {
  readonly inputs: ValueFacts[];
  readonly outputs: ValueFacts[];
  readonly initializers: Set<string>;
}

/**
 * Walks a GraphProto that ends at `end` with every tensor and graph inside it.
 *
 * @param use    collects the operators of the main graph or function that this graph belongs to.
 * @param depth  0 for the main graph or a function's body, 1 for its subgraphs.
 * @param facts  filled for the main graph only; ONNX Runtime infers the types of subgraphs itself.
 * @throws AppError MODEL_*
 */
export function walkGraph(walk: Walk, end: number, use: OperatorUse, depth: number, facts?: GraphFacts): void {
  const { reader, limits, trail } = walk;
  if (depth > limits.maxDepth) {
    throw refusal(
      'MODEL_TOO_COMPLEX',
      trail.toString(),
      `subgraphs are nested deeper than ${limits.maxDepth}. Simplify the model.`,
    );
  }
  use.depth = Math.max(use.depth, depth);
  const seen: ItemCounts = [];
  while (reader.next(end, graphWire)) {
    switch (reader.field) {
      case 1:
        item(walk, end, 'node', seen, (last) => walkNode(walk, last, use, depth));
        break;
      case 5:
        item(walk, end, 'initializer', seen, (last) => {
          const { name } = walkTensor(walk, last);
          facts?.initializers.add(name);
        });
        break;
      case 15:
        item(walk, end, 'sparse_initializer', seen, (last) => {
          const { name } = walkSparseTensor(walk, last);
          facts?.initializers.add(name);
        });
        break;
      case 11:
      case 12: {
        const list = reader.field === 11 ? facts?.inputs : facts?.outputs;
        const name = reader.field === 11 ? 'input' : 'output';
        if (list) item(walk, end, name, seen, (last) => list.push(walkValue(walk, last)));
        else reader.skip(end);
        break;
      }
      default:
        reader.skip(end);
    }
  }
}

/** Walks a NodeProto that ends at `end`. @throws AppError MODEL_* */
export function walkNode(walk: Walk, end: number, use: OperatorUse, depth: number): void {
  const { reader, limits, trail } = walk;
  walk.nodes += 1;
  use.nodes += 1;
  if (walk.nodes > limits.maxNodes) throw reader.tooComplex(`expected at most ${limits.maxNodes} nodes`);
  const seen: ItemCounts = [];
  let operator = '';
  let domain = '';
  let overload = '';
  while (reader.next(end, nodeWire)) {
    if (reader.field === 4) operator = reader.text(end);
    else if (reader.field === 5) item(walk, end, 'attribute', seen, (last) => walkAttribute(walk, last, use, depth));
    else if (reader.field === 7) domain = reader.text(end);
    else if (reader.field === 8) overload = reader.text(end);
    else reader.skip(end);
  }
  const key = operatorKey(domain, operator, overload);
  const call = use.calls.get(key);
  if (call) {
    call.count += 1;
    call.depth = Math.max(call.depth, depth);
  } else use.calls.set(key, { count: 1, depth });
  const plain = plainDomain(domain);
  if (!use.domains.has(plain)) use.domains.set(plain, trail.toString());
}

/** Walks an AttributeProto that ends at `end`. @throws AppError MODEL_* */
export function walkAttribute(walk: Walk, end: number, use: OperatorUse, depth: number): void {
  const { reader } = walk;
  const seen: ItemCounts = [];
  let tensors = 0;
  while (reader.next(end, attributeWire)) {
    switch (reader.field) {
      case 5:
        under(walk, 't', -1, () => walkTensor(walk, reader.lengthWithin(end)));
        // Protobuf would merge a second one into the first: dimensions of both, data of the last.
        tensors += 1;
        break;
      case 22:
        under(walk, 'sparse_tensor', -1, () => walkSparseTensor(walk, reader.lengthWithin(end)));
        tensors += 1;
        break;
      case 6:
        under(walk, 'g', -1, () => walkGraph(walk, reader.lengthWithin(end), use, depth + 1));
        break;
      case 10:
        item(walk, end, 'tensors', seen, (last) => walkTensor(walk, last));
        break;
      case 11:
        item(walk, end, 'graphs', seen, (last) => walkGraph(walk, last, use, depth + 1));
        break;
      case 23:
        item(walk, end, 'sparse_tensors', seen, (last) => walkSparseTensor(walk, last));
        break;
      default:
        reader.skip(end);
    }
    if (tensors > 1) throw reader.malformed('expected one tensor, got two');
  }
}

/** How many items of each repeated field were seen, by field number. */
export type ItemCounts = number[];

/** Walks one item of the repeated message field that the reader stands at, under its step of the trail. */
export function item(walk: Walk, end: number, name: string, seen: ItemCounts, part: (last: number) => unknown): void {
  const { reader } = walk;
  const index = seen[reader.field] ?? 0;
  seen[reader.field] = index + 1;
  under(walk, name, index, () => part(reader.lengthWithin(end)));
}
