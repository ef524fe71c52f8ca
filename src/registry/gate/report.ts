import type { TensorSpec } from '../../lib/tensor.ts';

/** Frameworks whose files the gate can walk. */
export type GatedFramework = 'onnx' | 'tensorflow' | 'transformers' | 'ollama';

/** An input or output as the model's files declare it. */
export interface DeclaredTensor extends TensorSpec {
  /**
   * The file says nothing of the shape, not even its rank. `shape` is then `[]` and means nothing;
   * without this mark `[]` is a scalar.
   */
  readonly anyShape?: true;
  /** The file does not say the dtype either; `dtype` is a guess until the model is loaded. */
  readonly anyDtype?: true;
  /** Names of the dimensions, as many as `shape` has; null for one that is fixed or has no name. */
  readonly dimNames?: readonly (string | null)[];
}

/** What the gate learnt of a package it let through. */
export interface PackageReport {
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
  /** ONNX: version of the default operator set, when the model imports it. */
  readonly opset?: number;
  /** ONNX: version of the intermediate representation. */
  readonly irVersion?: number;
  /** TensorFlow.js: which of its two kinds of model this is. */
  readonly kind?: 'graph-model' | 'layers-model';
  /** Nodes in all graphs, subgraphs and functions; layers of a layers model. */
  readonly nodeCount: number;
}

/** How much the gate looks at before it calls a model too complex. */
export interface GateLimits {
  /** Nodes in all graphs together, with calls to local functions counted as what they expand to. */
  readonly maxNodes: number;
  /** Subgraphs and function calls within each other. */
  readonly maxDepth: number;
  /** Protobuf fields in one file, which bounds the time of a walk. */
  readonly maxFields: number;
  /** Bytes of names and shapes kept in memory during a walk, roughly. */
  readonly maxKeptBytes: number;
  /** Bytes that sparse tensors may take once they are made dense. */
  readonly maxDenseBytes: number;
  /** Bytes of one file; protobuf and TensorFlow.js can hold no more. */
  readonly maxFileBytes: number;
  /** Bytes of a `model.json`. */
  readonly maxJsonBytes: number;
  /** Values (objects, lists, members) in a `model.json`. */
  readonly maxJsonValues: number;
}

export const defaultLimits: GateLimits = {
  maxNodes: 100_000,
  maxDepth: 32,
  maxFields: 100_000_000,
  maxKeptBytes: 32 * 2 ** 20,
  maxDenseBytes: 2 ** 30,
  maxFileBytes: 2 ** 31 - 1,
  maxJsonBytes: 64 * 2 ** 20,
  maxJsonValues: 5_000_000,
};
