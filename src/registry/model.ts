import type { TensorSpec } from '../lib/tensor.ts';
import type { ModelRow } from '../store/rows.ts';
import type { Metadata } from './metadata.ts';

/** A registered version with its JSON fields parsed. */
export interface Model extends Omit<ModelRow, 'inputSchema' | 'outputSchema' | 'metadata'> {
  readonly inputSchema: { readonly inputs: readonly TensorSpec[] };
  readonly outputSchema: { readonly outputs: readonly TensorSpec[] };
  readonly metadata: Metadata;
  /** What a text model says of itself, once it was loaded. */
  readonly info?: {
    readonly dimension: number;
    readonly maxTokens: number;
    readonly pooling: string;
    readonly normalize: boolean;
  };
}

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
