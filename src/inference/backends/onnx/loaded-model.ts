import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { AppError } from '../../../errors.ts';
import { Drain } from '../../../lib/drain.ts';
import {
  type Dtype,
  dtypes,
  type Tensor,
  type TensorData,
  type TensorMap,
  type TensorSpec,
} from '../../../lib/tensor.ts';
import type { LoadedModel } from '../../backend.ts';
import { runFailure } from './failures.ts';

type OnnxRuntime = typeof import('onnxruntime-node');

/** Tensors that ONNX Runtime takes and gives without a copy: the same dtypes, shapes and typed arrays. */
export class OnnxModel implements LoadedModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly memoryBytes: number;
  readonly #runtime: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #outputNames: string[];
  readonly #drain: Drain;

  /** @throws AppError MODEL_DTYPE when the model takes or gives nothing that a tensor can hold. */
  constructor(runtime: OnnxRuntime, session: InferenceSession, memoryBytes: number) {
    this.#runtime = runtime;
    this.#session = session;
    this.memoryBytes = memoryBytes;
    this.inputs = session.inputMetadata.map((value) => specOf(value, 'input'));
    // Sequences and maps, which converters of scikit-learn add beside the tensors, have no place in a reply.
    this.outputs = session.outputMetadata.filter(({ isTensor }) => isTensor).map((value) => specOf(value, 'output'));
    this.#outputNames = this.outputs.map(({ name }) => name);
    if (this.#outputNames.length === 0) {
      throw new AppError(
        'MODEL_DTYPE',
        'Expected at least one tensor among the outputs of the model, came only sequences or maps; export without ZipMap',
      );
    }
    this.#drain = new Drain(
      () => session.release(),
      () => new AppError('BACKEND_FAILED', 'Expected a loaded model, but it was unloaded; load it again'),
    );
  }

  predict(inputs: TensorMap): Promise<TensorMap> {
    return this.#drain.run(async () => {
      try {
        const feeds = Object.entries(inputs).map(([name, tensor]) => [name, this.#toOrt(name, tensor)]);
        const results = await this.#session.run(Object.fromEntries(feeds), this.#outputNames);
        return Object.fromEntries(this.#outputNames.map((name) => [name, fromOrt(results[name] as OrtTensor)]));
      } catch (error) {
        if (error instanceof AppError) throw error;
        throw this.#missing(inputs) ?? runFailure(error, this.inputs);
      }
    });
  }

  dispose(): Promise<void> {
    return this.#drain.close();
  }

  #toOrt(name: string, { dtype, data, shape }: Tensor): OrtTensor {
    if (dtype === 'string') refuseNul(name, data as readonly string[]);
    // The constructor's overloads pair each dtype with its array type, which Tensor holds by its contract.
    return new this.#runtime.Tensor(dtype as 'float32', data as Float32Array, [...shape]);
  }

  #missing(inputs: TensorMap): AppError | undefined {
    const missing = this.inputs.find(({ name }) => !inputs[name]);
    return (
      missing &&
      new AppError(
        'INPUT_NAME',
        `features.${missing.name}: expected this input, came none; send ${missing.dtype} values for it`,
      )
    );
  }
}

type ValueMetadata = InferenceSession['inputMetadata'][number];

/** @throws AppError MODEL_DTYPE for what no tensor can hold */
export function specOf(value: ValueMetadata, role: 'input' | 'output'): TensorSpec {
  if (!value.isTensor || !dtypes.includes(value.type as Dtype)) {
    const came = value.isTensor ? value.type : 'no tensor';
    throw new AppError(
      'MODEL_DTYPE',
      `Expected the ${role} "${value.name}" to be a tensor of ${dtypes.join(', ')}, came ${came}; cast it inside the model`,
    );
  }
  const shape = value.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1));
  return { name: value.name, dtype: value.type as Dtype, shape };
}

/** The binding hands strings on as C strings, so what follows a NUL would vanish without a word. */
function refuseNul(name: string, data: readonly string[]): void {
  const index = data.findIndex((text) => text.includes('\0'));
  if (index < 0) return;
  const message = `features.${name}: expected strings without the character U+0000, came one at ${index}; leave it out`;
  throw new AppError('INPUT_DTYPE', message);
}

function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  return { dtype: type as Dtype, shape: [...dims], data: rawData(type, data as TensorData) };
}

/** Newer Node versions give float16 as a Float16Array; its bits are seen through the same memory. */
function rawData(type: string, data: TensorData): TensorData {
  if (type !== 'float16' || !ArrayBuffer.isView(data) || data instanceof Uint16Array) return data;
  const { buffer, byteOffset, length } = data;
  return new Uint16Array(buffer, byteOffset, length);
}
