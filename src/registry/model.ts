import type { TensorSpec } from '../lib/tensor.ts';
import type { ModelRow } from '../store/rows.ts';
import type { Metadata } from './metadata.ts';
import type { FeatureSpec } from './model-schema.ts';

/** A registered version with its JSON fields parsed. */
export interface Model extends Omit<ModelRow, 'inputSchema' | 'outputSchema' | 'metadata'> {
  /** Tensors, and fields of features for a model that reads them itself. */
  readonly inputSchema: { readonly inputs: readonly (TensorSpec | FeatureSpec)[] };
  readonly outputSchema: { readonly outputs: readonly (TensorSpec | FeatureSpec)[] };
  readonly metadata: Metadata;
  /** What a text model says of itself, once it was loaded. */
  readonly info?: {
    readonly dimension: number;
    readonly maxTokens: number;
    readonly pooling: string;
    readonly normalize: boolean;
  };
}

/** Whether an input or output is a tensor. */
export const isTensorSpec = (spec: TensorSpec | FeatureSpec): spec is TensorSpec => 'dtype' in spec;

/** Parses a stored row. The text encoder's facts travel inside the output schema. */
export function modelOf(row: ModelRow): Model {
  const { outputs, info } = JSON.parse(row.outputSchema);
  return {
    ...row,
    inputSchema: JSON.parse(row.inputSchema),
    outputSchema: { outputs },
    metadata: JSON.parse(row.metadata),
    ...(info && { info }),
  };
}
