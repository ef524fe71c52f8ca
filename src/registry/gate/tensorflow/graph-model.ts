import type { Dtype } from '../../../lib/tensor.ts';
import { refusal } from '../refusal.ts';
import type { DeclaredTensor, GateLimits, PackageReport } from '../report.ts';
import { isObject, type JsonObject, listAt, objectAt, textAt } from './bounded-json.ts';
import { declaredShape, heldDtype, requireDtype, requireName } from './tensorflow-types.ts';

/** Operators whose attribute `T` is the type of what goes in, not of what comes out. */
const boolOperators: readonly string[] = [
  'Equal',
  'NotEqual',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'LogicalNot',
  'IsNan',
  'IsInf',
  'IsFinite',
  'Any',
  'All',
];

/**
 * Reads the inputs and outputs of a graph model: from its signature, by the signature's keys, or else its
 * placeholders and the nodes that nothing uses, by node name. These are TensorFlow.js' `inputNodes` and `outputNodes`.
 *
 * @throws AppError MODEL_TOO_COMPLEX, MODEL_DTYPE, MODEL_SHAPE, MODEL_MALFORMED
 */
export function readGraphModel(model: JsonObject, topology: JsonObject, limits: GateLimits): PackageReport {
  const nodes = new Map<string, JsonObject>();
  for (const node of listAt(topology, 'node')) {
    const name = textAt(node, 'name');
    if (!isObject(node) || name === undefined)
      throw refusal(
        'MODEL_MALFORMED',
        `modelTopology.node[${nodes.size}]`,
        'expected a node with a name. Convert the model again.',
      );
    nodes.set(name, node);
  }
  const functions = listAt(objectAt(topology, 'library'), 'function');
  const nodeCount =
    listAt(topology, 'node').length + functions.reduce((sum: number, body) => sum + listAt(body, 'nodeDef').length, 0);
  if (nodeCount > limits.maxNodes) {
    throw refusal(
      'MODEL_TOO_COMPLEX',
      'modelTopology',
      `expected at most ${limits.maxNodes} nodes, got ${nodeCount}. Simplify the model.`,
    );
  }
  const signature = objectAt(objectAt(model, 'userDefinedMetadata'), 'signature') ?? objectAt(model, 'signature');
  const inputs = fromSignature(signature, 'inputs', nodes);
  const outputs = fromSignature(signature, 'outputs', nodes);
  return {
    kind: 'graph-model',
    nodeCount,
    inputs: inputs.length > 0 ? inputs : placeholders(nodes),
    outputs: outputs.length > 0 ? outputs : unusedNodes(nodes),
  };
}

function fromSignature(
  signature: JsonObject | undefined,
  side: 'inputs' | 'outputs',
  nodes: ReadonlyMap<string, JsonObject>,
): DeclaredTensor[] {
  const entries = Object.entries(objectAt(signature, side) ?? {});
  return entries.flatMap(([key, info]) => {
    const path = `signature.${side}.${key}`;
    // A captured resource, such as a lookup table, is fed by the loader.
    if (isObject(info) && Object.hasOwn(info, 'resourceId')) return [];
    const node = nodes.get(nodeName(textAt(info, 'name') ?? ''));
    if (!node) return [];
    const name = requireName(key, path);
    const shape = objectAt(info, 'tensorShape');
    const dtype = isObject(info) ? requireDtype(info.dtype, name, path) : 'float32';
    return [{ name, dtype, ...declaredShape(shapeSizes(shape) ?? nodeShape(node), name, path) }];
  });
}

function placeholders(nodes: ReadonlyMap<string, JsonObject>): DeclaredTensor[] {
  return [...nodes].flatMap(([key, node]) => {
    const operator = textAt(node, 'op') ?? '';
    if (!operator.startsWith('Placeholder')) return [];
    const path = `modelTopology.node.${key}`;
    const name = requireName(key, path);
    const dtype = requireDtype(attribute(node, 'dtype', 'type'), name, path);
    const optional = operator === 'PlaceholderWithDefault' ? { optional: true } : {};
    return [{ name, dtype, ...declaredShape(nodeShape(node), name, path), ...optional }];
  });
}

function unusedNodes(nodes: ReadonlyMap<string, JsonObject>): DeclaredTensor[] {
  const used = new Set<string>();
  for (const node of nodes.values()) for (const input of listAt(node, 'input')) used.add(nodeName(String(input)));
  return [...nodes].flatMap(([key, node]) => {
    if (used.has(key)) return [];
    const path = `modelTopology.node.${key}`;
    const name = requireName(key, path);
    const dtype = outputDtype(node);
    return [
      {
        name,
        dtype: dtype ?? 'float32',
        ...(dtype === undefined && { anyDtype: true as const }),
        ...declaredShape(nodeShape(node), name, path),
      },
    ];
  });
}

/** The node of a tensor's name: `^` marks a control input, `:1` a further output. */
const nodeName = (tensor: string): string => tensor.replace(/^\^/, '').replace(/:.*$/, '');

function attribute(node: JsonObject, name: string, kind: string): unknown {
  const value = objectAt(objectAt(node, 'attr'), name);
  return value && Object.hasOwn(value, kind) ? value[kind] : undefined;
}

function outputDtype(node: JsonObject): Dtype | undefined {
  if (boolOperators.includes(textAt(node, 'op') ?? '')) return 'bool';
  for (const name of ['DstT', 'output_type', 'out_type', 'dtype', 'Tout', 'T']) {
    const type = attribute(node, name, 'type');
    if (type !== undefined) return heldDtype(type);
  }
  return undefined;
}

/** The attribute `shape`, or what the exporter inferred; undefined when the rank is unknown. */
function nodeShape(node: JsonObject): readonly unknown[] | undefined {
  const own = shapeSizes(objectAt(objectAt(objectAt(node, 'attr'), 'shape'), 'shape'));
  if (own) return own;
  const inferred = listAt(objectAt(objectAt(objectAt(node, 'attr'), '_output_shapes'), 'list'), 'shape')[0];
  return isObject(inferred) ? shapeSizes(inferred) : undefined;
}

function shapeSizes(shape: JsonObject | undefined): readonly unknown[] | undefined {
  if (!shape || shape.unknownRank === true) return undefined;
  return listAt(shape, 'dim').map((dim) => (isObject(dim) && dim.size !== undefined ? dim.size : -1));
}
