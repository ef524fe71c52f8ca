import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { refusal } from '../refusal.ts';
import type { GateLimits, PackageReport } from '../report.ts';
import { boundedJson, isObject, type JsonObject, objectAt } from './bounded-json.ts';
import { readGraphModel } from './graph-model.ts';
import { isLayersTopology, readLayersModel } from './layers-model.ts';
import { checkWeights } from './weights.ts';

/**
 * Checks a TensorFlow.js package: `model.json` (graph or layers model) and the weight files it names.
 *
 * @throws AppError MODEL_FORMAT, MODEL_MALFORMED, MODEL_MANIFEST, MODEL_SHAPE, MODEL_DTYPE, MODEL_TOO_COMPLEX, MODEL_TOO_LARGE
 */
export function inspectTensorflow(directory: string, entry: string, limits: GateLimits): PackageReport {
  const file = join(directory, entry);
  const { size } = statSync(file);
  if (size > limits.maxJsonBytes) {
    throw refusal(
      'MODEL_TOO_COMPLEX',
      '',
      `model.json has ${size} bytes; expected at most ${limits.maxJsonBytes}. Keep weights in their own files.`,
    );
  }
  const model = boundedJson(readFileSync(file), limits.maxJsonValues);
  const topology = objectAt(model, 'modelTopology');
  if (!isObject(model) || !topology) {
    throw refusal(
      'MODEL_FORMAT',
      '',
      "expected TensorFlow.js' model.json with a modelTopology, got other JSON. Convert the model with tensorflowjs_converter.",
    );
  }
  const report = readTopology(model, topology, limits);
  if (report.outputs.length === 0)
    throw refusal(
      'MODEL_MALFORMED',
      'modelTopology',
      'expected a model with outputs, found none. Convert the model again.',
    );
  checkWeights(model, directory, entry, limits.maxFileBytes);
  return report;
}

function readTopology(model: JsonObject, topology: JsonObject, limits: GateLimits): PackageReport {
  if (Array.isArray(topology.node)) return readGraphModel(model, topology, limits);
  if (isLayersTopology(topology)) return readLayersModel(topology, limits);
  throw refusal(
    'MODEL_FORMAT',
    'modelTopology',
    'expected a TensorFlow graph or a Keras model, got neither. Convert the model with tensorflowjs_converter.',
  );
}
