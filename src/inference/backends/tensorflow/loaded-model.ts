import type { NamedTensorMap } from '@tensorflow/tfjs-core';
import { AppError } from '../../../errors.ts';
import { Drain } from '../../../lib/drain.ts';
import { elementCount, type Tensor, type TensorMap, type TensorSpec } from '../../../lib/tensor.ts';
import type { LoadedModel } from '../../backend.ts';
import { loadFailure, mayRunElsewhere, runFailure } from './failures.ts';
import type { Program } from './program.ts';
import { exclusively, type RuntimeName, type Tensorflow, useRuntime } from './runtime.ts';
import { fromTensorflow, toTensorflow } from './tensors.ts';

/** Larger inputs are not made up for a warm-up. */
const maxWarmUpElements = 4_000_000;

export class TensorflowModel implements LoadedModel {
  readonly inputs: readonly TensorSpec[];
  readonly memoryBytes: number;
  readonly #tf: Tensorflow;
  readonly #program: Program;
  readonly #drain: Drain;
  #outputs: readonly TensorSpec[];
  #runtime: RuntimeName;

  constructor(tf: Tensorflow, program: Program, runtime: RuntimeName, memoryBytes: number) {
    this.#tf = tf;
    this.#program = program;
    this.#runtime = runtime;
    this.memoryBytes = memoryBytes;
    this.inputs = program.inputs;
    this.#outputs = program.outputs.map((output) => ({ ...output, shape: output.shape ?? [-1] }));
    this.#drain = new Drain(
      () => exclusively(async () => program.dispose()),
      () => new AppError('BACKEND_FAILED', 'Expected a loaded model, but it was unloaded; load it again'),
    );
  }

  get outputs(): readonly TensorSpec[] {
    return this.#outputs;
  }

  /** What the model runs on: the fastest runtime here, or `cpu` when that one lacks an operation. */
  get runtime(): RuntimeName {
    return this.#runtime;
  }

  predict(inputs: TensorMap): Promise<TensorMap> {
    return this.#drain.run(() =>
      exclusively(() => this.#runWhereItCan(inputs)).catch((error: unknown) => {
        const hasEmpty = Object.values(inputs).some(({ shape }) => elementCount(shape) === 0);
        throw runFailure(error, this.inputs, hasEmpty);
      }),
    );
  }

  dispose(): Promise<void> {
    return this.#drain.close();
  }

  /**
   * A first run on made-up inputs, which compiles the graph, finds a runtime that knows all its operations and
   * learns the shapes of outputs that the file does not tell. What fails for the sake of the values is ignored.
   * The caller holds the turn.
   *
   * @throws AppError MODEL_OP_UNSUPPORTED, MODEL_RESOURCE
   */
  async warmUp(): Promise<void> {
    const inputs = this.inputs.filter(({ optional }) => !optional).map(zeros);
    if (inputs.some(([, { shape }]) => elementCount(shape) > maxWarmUpElements)) return;
    try {
      this.#learnShapes(await this.#runWhereItCan(Object.fromEntries(inputs)));
    } catch (error) {
      const failure = loadFailure(error);
      if (failure.code !== 'MODEL_LOAD_FAILED') throw failure;
    }
  }

  async #runWhereItCan(inputs: TensorMap): Promise<TensorMap> {
    try {
      return await this.#run(inputs, this.#runtime);
    } catch (error) {
      if (this.#runtime === 'cpu' || !mayRunElsewhere(error)) throw error;
      const outputs = await this.#run(inputs, 'cpu');
      this.#runtime = 'cpu';
      return outputs;
    }
  }

  async #run(inputs: TensorMap, runtime: RuntimeName): Promise<TensorMap> {
    await useRuntime(this.#tf, runtime);
    const engine = this.#tf.engine();
    // Whatever a run leaves behind, also one that fails half-way, goes with the scope.
    engine.startScope();
    try {
      const results = await this.#program.run(this.#feeds(inputs));
      const named: [string, Tensor][] = [];
      for (const [index, { name }] of this.#outputs.entries()) {
        const result = results[index];
        if (result) named.push([name, await fromTensorflow(name, result)]);
      }
      return Object.fromEntries(named);
    } finally {
      engine.endScope();
    }
  }

  #feeds(inputs: TensorMap): NamedTensorMap {
    const feeds: NamedTensorMap = {};
    for (const spec of this.inputs) {
      const given = inputs[spec.name];
      if (given) feeds[spec.name] = toTensorflow(this.#tf, spec, given);
      else if (!spec.optional) {
        throw new AppError(
          'INPUT_NAME',
          `features.${spec.name}: expected this input, came none; send ${spec.dtype} values for it`,
        );
      }
    }
    return feeds;
  }

  #learnShapes(results: TensorMap): void {
    const isBatched = this.inputs.some(({ shape }) => shape.includes(-1));
    this.#outputs = this.#program.outputs.map(({ name, dtype, shape }) => {
      const seen = results[name];
      const learnt = (seen?.shape ?? [-1]).map((size, axis) => (axis === 0 && isBatched ? -1 : size));
      return { name, dtype: seen?.dtype ?? dtype, shape: shape ?? learnt };
    });
  }
}

function zeros({ name, dtype, shape: declared }: TensorSpec): [string, Tensor] {
  const shape = declared.map((size) => (size === -1 ? 1 : size));
  const count = elementCount(shape);
  if (dtype === 'string') return [name, { dtype, shape, data: new Array<string>(count).fill('') }];
  const data =
    dtype === 'float32' ? new Float32Array(count) : dtype === 'int32' ? new Int32Array(count) : new Uint8Array(count);
  return [name, { dtype, shape, data }];
}
