import { AppError } from '../../errors.ts';
import type { LoadedModel } from '../backend.ts';
import type { EngineInput, EngineModel, EngineResult, ModelInfo } from '../engine.ts';
import type { Disposable } from '../model-cache.ts';
import { AskLane } from './ask-lane.ts';
import { checkInputs } from './check-inputs.ts';
import type { Lane } from './executor.ts';
import { asRunError } from './failures.ts';
import type { MergeProofs } from './merge-proof.ts';
import { monotonicMs } from './monotonic.ts';
import type { Pending } from './pending.ts';
import { type RunWatch, type WatchedRun, watched } from './run-watch.ts';
import { TensorLane } from './tensor-lane.ts';
import { TextLane, type TextModel } from './text-lane.ts';

export interface ResidentModelParts {
  readonly model: EngineModel;
  readonly loaded: LoadedModel;
  /** Absent when the package brings no tokenizer. */
  readonly text: TextModel | undefined;
  readonly loadMs: number;
  /** Inputs of which the package does not say the shape. */
  readonly anyShape: ReadonlySet<string>;
  readonly proofs: MergeProofs;
  readonly watch: RunWatch;
}

/** A loaded model with the requests that wait for it. */
export class ResidentModel implements Disposable {
  readonly info: ModelInfo;
  readonly memoryBytes: number;
  /** A setting of the deployment, not of the bytes: the last request's holds. */
  runTimeoutMs: number;
  readonly #loaded: LoadedModel;
  readonly #anyShape: ReadonlySet<string>;
  readonly #tensors: TensorLane;
  readonly #texts: TextLane | undefined;
  readonly #asked: AskLane | undefined;

  constructor({ model, loaded, text, loadMs, anyShape, proofs, watch }: ResidentModelParts) {
    const { inputs, outputs, fields, memoryBytes } = loaded;
    this.#loaded = loaded;
    this.#anyShape = anyShape;
    this.memoryBytes = memoryBytes;
    this.runTimeoutMs = model.runTimeoutMs;
    this.info = { inputs, outputs, memoryBytes, loadMs, ...(text && { text: text.info }), ...(fields && { fields }) };
    const watchedRun: WatchedRun = async (run, enqueuedAt) => {
      try {
        return await watched(watch, model.digest, 'run', this.#limitOf(enqueuedAt), run);
      } catch (error) {
        throw asRunError(error);
      }
    };
    const onStep = () => watch.extend(this.runTimeoutMs);
    this.#tensors = new TensorLane({ digest: model.digest, model: loaded, proofs, watched: watchedRun });
    this.#texts = text && new TextLane({ model: text, watched: watchedRun });
    this.#asked = loaded.ask && new AskLane({ ask: loaded.ask.bind(loaded), watched: watchedRun, onStep });
  }

  /**
   * Puts a request in line.
   *
   * @returns the lane that now has work.
   * @throws  AppError INPUT_NAME, INPUT_DTYPE, INPUT_SHAPE, INVALID_INPUT
   */
  add(input: EngineInput, pending: Pending<EngineResult>): Lane {
    if (input.kind === 'tensors') {
      checkInputs(input.tensors, this.info.inputs, this.#anyShape);
      this.#tensors.add({ inputs: input.tensors, pending });
      return this.#tensors;
    }
    if (input.kind === 'features') {
      const { kind: _, ...question } = input;
      if (!this.#asked)
        throw new AppError('INVALID_INPUT', 'Expected tensors or texts; this model reads no features by itself');
      this.#asked.add({ ...question, pending });
      return this.#asked;
    }
    if (!this.#texts || !this.info.text) {
      throw new AppError(
        'INVALID_INPUT',
        'Expected tensors by input name, got texts; this model brings no tokenizer of its own, send its inputs',
      );
    }
    this.#texts.add({ texts: input.texts, normalize: input.normalize ?? this.info.text.normalize, pending });
    return this.#texts;
  }

  /**
   * A caller that gives a run all its time has also waited for the load, so what it waited counts, up to a tenth:
   * the runner of a hung model then ends with the caller's deadline, and a long queue kills no honest run.
   */
  #limitOf(enqueuedAt: number): number {
    const waited = monotonicMs() - enqueuedAt;
    return this.runTimeoutMs - Math.min(waited, this.runTimeoutMs / 10);
  }

  dispose(): Promise<void> {
    return this.#loaded.dispose();
  }
}
