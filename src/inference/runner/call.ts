import { AppError } from '../../errors.ts';
import { timedOut } from '../batching/pending.ts';
import type { EngineInput, EngineModel, EngineResult, ModelInfo } from '../engine.ts';
import type { RunnerConnection } from './connection.ts';
import type { RunnerLink } from './fleet.ts';
import type { RunnerReply } from './messages.ts';
import type { Verdict } from './notices.ts';
import { fromWire, toWire } from './wire-tensors.ts';

/** Deaths a request lives through when its own model caused the last one, and when another's did. */
const RETRIES_OF_CULPRIT = 1;
const RETRIES_OF_BYSTANDER = 2;

/** One request of a client, on its way through as many runners as it takes. */
export class Call {
  readonly id: number;
  readonly model: EngineModel;
  /** Absent when the model is only to be loaded. */
  readonly input: EngineInput | undefined;
  /** On the clock of `monotonicMs`, as are the other times. */
  readonly deadline: number;
  readonly createdAt: number;
  /** Since when it waits where it is now. */
  waitingSince: number;
  /** The runner where it waits. */
  link: RunnerLink | undefined;
  onSettled: (() => void) | undefined;
  readonly resolve: (value: EngineResult | ModelInfo) => void;
  readonly reject: (error: unknown) => void;
  #deaths = 0;

  constructor(parts: Pick<Call, 'id' | 'model' | 'input' | 'deadline' | 'createdAt' | 'resolve' | 'reject'>) {
    this.id = parts.id;
    this.model = parts.model;
    this.input = parts.input;
    this.deadline = parts.deadline;
    this.createdAt = parts.createdAt;
    this.waitingSince = parts.createdAt;
    this.resolve = parts.resolve;
    this.reject = parts.reject;
  }

  sendTo(connection: RunnerConnection): void {
    const { id, input, deadline, createdAt: sentAt } = this;
    const model = connection.handleOf(this.model);
    if (!input) {
      connection.send({ op: 'load', id, model });
      return;
    }
    if (input.kind === 'texts') {
      const { texts, normalize } = input;
      connection.send({
        op: 'predict',
        id,
        model,
        deadline,
        sentAt,
        texts,
        ...(normalize !== undefined && { normalize }),
      });
      return;
    }
    if (input.kind === 'features') {
      connection.send({ op: 'predict', id, model, deadline, sentAt, question: input });
      return;
    }
    const { tensors, sections } = toWire(input.tensors);
    connection.send({ op: 'predict', id, model, deadline, sentAt, tensors }, sections);
  }

  /** Takes the answer to a prediction or a load. */
  settle(reply: Extract<RunnerReply, { type: 'result' | 'info' }>, body: Buffer): void {
    if (reply.type === 'info') {
      this.resolve(reply.info);
      return;
    }
    const { id: _id, type: _type, outputs, ...rest } = reply;
    this.resolve({ ...rest, outputs: fromWire(outputs, body) });
  }

  /** @returns the error to answer when the call has died with its runner too often, undefined to try again. */
  afterDeath({ culprit, reason }: Verdict): AppError | undefined {
    this.#deaths += 1;
    const guilty = culprit === this.model.digest;
    if (this.#deaths <= (guilty ? RETRIES_OF_CULPRIT : RETRIES_OF_BYSTANDER)) return undefined;
    if (guilty && reason === 'memory') return outOfMemory(this.input ? 'Running' : 'Loading');
    if (!this.input)
      return loadFailed(guilty && reason === 'timeout' ? 'did not end in time' : 'ended the process that tried');
    if (guilty && reason === 'timeout') return timedOut();
    return new AppError(
      'BACKEND_CRASHED',
      'The process that ran the model died, and so did the next one; other models are not affected',
    );
  }

  /** The answer when the deadline has passed. */
  expired(): AppError {
    return this.input ? timedOut() : loadFailed('did not end in time');
  }
}

const outOfMemory = (what: string): AppError =>
  new AppError(
    'MODEL_RESOURCE',
    `${what} the model needed more memory than a runner may use; send smaller inputs or a smaller model`,
  );

const loadFailed = (how: string): AppError =>
  new AppError('MODEL_LOAD_FAILED', `Loading the model ${how}; check that it was exported for inference`);
