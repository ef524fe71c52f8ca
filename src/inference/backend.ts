import type { TensorMap, TensorSpec } from '../lib/tensor.ts';

/** Where a model's files lie and how they are to be loaded. */
export interface ModelPackage {
  /** sha256 of the stored bytes, lower-case hexadecimal. */
  readonly digest: string;
  /** Absolute path of the folder that holds the package's files; a bare file is a package of one. */
  readonly directory: string;
  /** The model file inside `directory`: the `.onnx` file, or `model.json`. */
  readonly entry: string;
}

export interface LoadOptions {
  /** Execution provider, `cpu` unless said. */
  readonly device?: string;
  /** Intra-op threads of one session; 1 is the safe default on small machines. */
  readonly threads?: number;
}

/**
 * A model in memory. `predict` may be called again before the last call returned; a backend that cannot
 * run two at once puts them in order itself. After `dispose`, which may be called twice, `predict` rejects.
 */
export interface LoadedModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Bytes this model is thought to hold in memory. */
  readonly memoryBytes: number;
  /**
   * @param inputs  by name; optional inputs may be absent. Checked against `inputs` by the caller.
   * @returns       every output by name with its true dtype and shape.
   * @throws        AppError BACKEND_FAILED, MODEL_RESOURCE
   */
  predict(inputs: TensorMap): Promise<TensorMap>;
  dispose(): Promise<void>;
}

/** One framework. A backend imports its package inside `load`, so an absent one costs nothing until used. */
export interface Backend {
  readonly placement: 'runner' | 'inline';
  /** @throws AppError BACKEND_NOT_INSTALLED, MODEL_LOAD_FAILED, MODEL_RESOURCE, DEVICE_UNAVAILABLE */
  load(model: ModelPackage, options: LoadOptions): Promise<LoadedModel>;
  /** Whether the framework can run here, and on what. Never throws. */
  availability(): Promise<BackendAvailability>;
}

export interface BackendAvailability {
  readonly available: boolean;
  readonly runtime?: 'native' | 'wasm' | 'cpu';
  readonly version?: string;
  readonly devices?: readonly string[];
  /** Why it is not available and what to do. */
  readonly detail?: string;
}
