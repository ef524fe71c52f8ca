import type { Dtype } from '../../../lib/tensor.ts';
import { quote, refusal } from '../refusal.ts';
import type { DeclaredTensor, GateLimits, PackageReport } from '../report.ts';
import { isObject, type JsonObject, listAt, objectAt, textAt } from './bounded-json.ts';
import { declaredShape, requireName } from './tensorflow-types.ts';

const modelClasses: readonly string[] = ['Model', 'Functional', 'Sequential'];
const dtypesHeld: readonly Dtype[] = ['float32', 'int32', 'bool', 'string'];

/**
 * Reads the inputs and outputs of a layers model (Keras). The file gives the shapes of inputs only: outputs have
 * `anyShape` until the model is loaded.
 *
 * @throws AppError MODEL_TOO_COMPLEX, MODEL_DTYPE, MODEL_SHAPE, MODEL_MALFORMED
 */
export function readLayersModel(topology: JsonObject, limits: GateLimits): PackageReport {
  const root = objectAt(topology, 'model_config') ?? topology;
  const nodeCount = countLayers(root, limits, 0);
  return { kind: 'layers-model', nodeCount, inputs: inputsOf(root), outputs: outputsOf(root) };
}

/** Whether a topology is a Keras model rather than a TensorFlow graph. */
export function isLayersTopology(topology: JsonObject): boolean {
  return modelClasses.includes(textAt(objectAt(topology, 'model_config') ?? topology, 'class_name') ?? '');
}

/** Old files hold the layers of a Sequential model as its whole configuration. */
function layersOf(model: JsonObject): readonly JsonObject[] {
  const list = Array.isArray(model.config) ? model.config : listAt(objectAt(model, 'config'), 'layers');
  return list.filter(isObject);
}

function countLayers(model: JsonObject, limits: GateLimits, depth: number): number {
  const layers = layersOf(model);
  const inner = layers.filter(isLayersTopology).reduce((sum, layer) => sum + countLayers(layer, limits, depth + 1), 0);
  const count = layers.length + inner;
  if (count <= limits.maxNodes && depth <= limits.maxDepth) return count;
  throw refusal(
    'MODEL_TOO_COMPLEX',
    'modelTopology',
    `expected at most ${limits.maxNodes} layers, ${limits.maxDepth} deep, got more. Simplify the model.`,
  );
}

const layerName = (layer: JsonObject): string | undefined =>
  textAt(objectAt(layer, 'config'), 'name') ?? textAt(layer, 'name');

function inputsOf(model: JsonObject): DeclaredTensor[] {
  const layers = layersOf(model);
  if (textAt(model, 'class_name') === 'Sequential') {
    const first = layers[0];
    if (!first) return [];
    if (isLayersTopology(first)) return inputsOf(first);
    const suffix = textAt(first, 'class_name') === 'InputLayer' ? '' : '_input';
    return [declaredInput(first, suffix)];
  }
  const byName = new Map(layers.map((layer) => [layerName(layer), layer]));
  return references(model, 'input_layers').flatMap((name) => {
    const layer = byName.get(name);
    return layer ? [declaredInput(layer, '')] : [];
  });
}

function outputsOf(model: JsonObject): DeclaredTensor[] {
  const last = layersOf(model).at(-1);
  const names =
    textAt(model, 'class_name') === 'Sequential' ? [last && layerName(last)] : references(model, 'output_layers');
  return names.map((name, index) => ({
    name: requireName(name, `modelTopology.output_layers[${index}]`),
    dtype: 'float32',
    shape: [],
    anyShape: true,
  }));
}

/** Names in a list of `[layer, node, tensor]`, or in a single one of these. */
function references(model: JsonObject, key: string): string[] {
  const list = listAt(objectAt(model, 'config'), key);
  const all = typeof list[0] === 'string' ? [list] : list;
  return all.flatMap((one) => (Array.isArray(one) && typeof one[0] === 'string' ? [one[0]] : []));
}

function declaredInput(layer: JsonObject, suffix: string): DeclaredTensor {
  const config = objectAt(layer, 'config');
  const path = `modelTopology.layers.${layerName(layer)}`;
  const name = requireName(layerName(layer), path) + suffix;
  const dtype = textAt(config, 'dtype') ?? 'float32';
  if (!dtypesHeld.includes(dtype as Dtype)) {
    throw refusal(
      'MODEL_DTYPE',
      path,
      `${quote(name)} has the dtype ${quote(dtype)}; expected float32, int32, bool or string. Cast it inside the model.`,
    );
  }
  const sizes = config?.batch_input_shape ?? config?.batch_shape;
  return { name, dtype: dtype as Dtype, ...declaredShape(Array.isArray(sizes) ? sizes : undefined, name, path) };
}
