import { quote, refusal } from '../refusal.ts';
import {
  checkDomains,
  checkExpansion,
  checkOpset,
  newestIrVersion,
  noUse,
  type OperatorUse,
  operatorKey,
} from './operators.ts';
import { under, type Walk } from './walk.ts';
import { type GraphFacts, type ItemCounts, item, walkAttribute, walkGraph, walkNode } from './walk-graph.ts';
import { messageWire } from './wire-reader.ts';

const modelWire = messageWire({
  1: 'varint',
  2: 'length',
  3: 'length',
  4: 'length',
  5: 'varint',
  6: 'length',
  7: 'length',
  8: 'length',
  14: 'length',
  20: 'length',
  25: 'length',
  26: 'length',
});
const opsetWire = messageWire({ 1: 'length', 2: 'varint' });
const trainingWire = messageWire({ 1: 'length', 2: 'length', 3: 'length', 4: 'length' });
const functionWire = messageWire({
  1: 'length',
  4: 'length',
  5: 'length',
  6: 'length',
  7: 'length',
  8: 'length',
  9: 'length',
  10: 'length',
  11: 'length',
  12: 'length',
  13: 'length',
  14: 'length',
});

/** What a function takes in memory, roughly. */
const functionBytes = 512;

export interface ModelFacts {
  readonly graph: GraphFacts;
  /** 0 when the file does not say. */
  readonly irVersion: number;
  /** Version by domain; the default domain is `''`. */
  readonly opsets: ReadonlyMap<string, number>;
}

/** Functions by operator key, and the domains they define. */
interface Functions {
  readonly uses: Map<string, OperatorUse>;
  readonly domains: Set<string>;
}

/**
 * Walks a whole ModelProto: every position in which a tensor, a graph or an operator may stand.
 *
 * @throws AppError MODEL_MALFORMED, MODEL_EXTERNAL_DATA, MODEL_SHAPE, MODEL_DTYPE, MODEL_OP_UNSUPPORTED, MODEL_TOO_COMPLEX
 */
export function walkModel(walk: Walk): ModelFacts {
  const { reader } = walk;
  const end = reader.bytes.size;
  const graph: GraphFacts = { inputs: [], outputs: [], initializers: new Set() };
  const functions: Functions = { uses: new Map(), domains: new Set() };
  const main = noUse();
  const training = noUse();
  const opsets = new Map<string, number>();
  const seen: ItemCounts = [];
  let irVersion = 0;
  let graphs = 0;
  while (reader.next(end, modelWire)) {
    switch (reader.field) {
      case 1:
        irVersion = reader.int64();
        break;
      case 7:
        graphs += 1;
        under(walk, 'graph', -1, () => walkGraph(walk, reader.lengthWithin(end), main, 0, graph));
        break;
      case 8:
        item(walk, end, 'opset_import', seen, (last) => walkOpset(walk, last, opsets));
        break;
      case 20:
        item(walk, end, 'training_info', seen, (last) => walkTraining(walk, last, training));
        break;
      case 25:
        item(walk, end, 'functions', seen, (last) => walkFunction(walk, last, functions));
        break;
      default:
        reader.skip(end);
    }
  }
  if (irVersion > newestIrVersion) {
    throw refusal(
      'MODEL_OP_UNSUPPORTED',
      'ir_version',
      `version ${irVersion} is newer than this runtime knows; expected at most ${newestIrVersion}. Export with an older ONNX version.`,
    );
  }
  if (graphs === 0)
    throw refusal('MODEL_MALFORMED', '', 'expected an ONNX model with a graph, found none. Export the model again.');
  if (graph.outputs.length === 0)
    throw refusal('MODEL_MALFORMED', 'graph', 'expected at least one output, found none. Export the model again.');
  if (opsets.size === 0)
    throw refusal(
      'MODEL_MALFORMED',
      'opset_import',
      'expected at least one operator set, found none. Export the model again.',
    );
  checkDomains([main, training, ...functions.uses.values()], functions.domains);
  checkExpansion(main, functions.uses, walk.limits);
  return { graph, irVersion, opsets };
}

function walkOpset(walk: Walk, end: number, opsets?: Map<string, number>): void {
  const { reader } = walk;
  let domain = '';
  let version = 0;
  while (reader.next(end, opsetWire)) {
    if (reader.field === 1) domain = reader.text(end);
    else if (reader.field === 2) version = reader.int64();
    else reader.skip(end);
  }
  checkOpset(domain, version, walk.trail.toString());
  const plain = domain === 'ai.onnx' ? '' : domain;
  // ONNX Runtime keeps the first of two.
  if (opsets && !opsets.has(plain)) opsets.set(plain, version);
}

/** The runtime ignores training graphs; their tensors could still be external. */
function walkTraining(walk: Walk, end: number, use: OperatorUse): void {
  const { reader } = walk;
  while (reader.next(end, trainingWire)) {
    if (reader.field > 2) reader.skip(end);
    else
      under(walk, reader.field === 1 ? 'initialization' : 'algorithm', -1, () =>
        walkGraph(walk, reader.lengthWithin(end), use, 0),
      );
  }
}

function walkFunction(walk: Walk, end: number, functions: Functions): void {
  const { reader } = walk;
  const use = noUse();
  const seen: ItemCounts = [];
  reader.keep(functionBytes);
  let name = '';
  let domain = '';
  let overload = '';
  while (reader.next(end, functionWire)) {
    switch (reader.field) {
      case 1:
        name = reader.text(end);
        break;
      case 7:
        item(walk, end, 'node', seen, (last) => walkNode(walk, last, use, 0));
        break;
      case 9:
        item(walk, end, 'opset_import', seen, (last) => walkOpset(walk, last));
        break;
      case 10:
        domain = reader.text(end);
        break;
      case 11:
        item(walk, end, 'attribute_proto', seen, (last) => walkAttribute(walk, last, use, 0));
        break;
      case 13:
        overload = reader.text(end);
        break;
      default:
        reader.skip(end);
    }
  }
  const key = operatorKey(domain, name, overload);
  if (functions.uses.has(key)) {
    throw refusal(
      'MODEL_MALFORMED',
      walk.trail.toString(),
      `the function ${quote(name)} is defined twice. Export the model again.`,
    );
  }
  functions.uses.set(key, use);
  functions.domains.add(domain);
}
