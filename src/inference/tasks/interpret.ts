import type { TensorMap } from '../../lib/tensor.ts';
import type { Metadata } from '../../registry/metadata.ts';
import type { EngineResult } from '../engine.ts';
import { tensorToJson } from '../tensor-json/tensor-to-json.ts';
import { classify } from './classification.ts';
import { Embeddings } from './embedding.ts';
import { regress } from './regression.ts';

/** What a prediction says, in the terms of its task. */
export interface Interpretation {
  readonly prediction: unknown;
  /** Classification of one row: the top probability. Otherwise null, never invented. */
  readonly confidence: number | null;
}

/** Every output by name as `{dtype, shape, data}`. */
export const outputsToJson = (outputs: TensorMap) =>
  Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensorToJson(tensor)]));

/**
 * Reads a model's outputs in the terms of `metadata.taskType`; without a task they are the prediction.
 *
 * @param fromTexts  the model read texts by itself, so an output `embedding` is one vector a text.
 */
export function interpret(
  metadata: Metadata,
  { outputs, value, confidence }: Pick<EngineResult, 'outputs' | 'value' | 'confidence'>,
  fromTexts: boolean,
): Interpretation {
  if (value !== undefined) return { prediction: value, confidence: confidence ?? null };
  if (fromTexts && outputs.embedding) {
    return { prediction: new Embeddings(outputs.embedding), confidence: null };
  }
  if (metadata.taskType === 'classification') {
    const rows = classify(outputs, {
      ...(metadata.labels && { labels: metadata.labels }),
      ...(metadata.outputName !== undefined && { outputName: metadata.outputName }),
      ...(metadata.outputActivation && { outputActivation: metadata.outputActivation }),
    });
    const [only] = rows;
    if (rows.length !== 1 || !only) return { prediction: rows, confidence: null };
    const top = only.probabilities[only.label] ?? Number.NaN;
    return { prediction: only, confidence: Number.isFinite(top) ? top : null };
  }
  if (metadata.taskType === 'regression') {
    const values = regress(outputs, metadata.outputName);
    return { prediction: values.length === 1 ? values[0] : values, confidence: null };
  }
  return { prediction: outputsToJson(outputs), confidence: null };
}
