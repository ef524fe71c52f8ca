import type { VersionRouter } from '../deployment/version-router.ts';
import { AppError } from '../errors.ts';
import type { EventRecorder } from '../monitoring/events/event-recorder.ts';
import type { Model } from '../registry/model.ts';
import type { EventRow } from '../store/rows.ts';

/** Who asks, and for whom. */
export interface Asker {
  readonly caller: string;
  readonly requestId: string;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
}

export interface Question {
  readonly modelName: string;
  readonly modelVersion?: string | undefined;
  /** What is recorded as the event's features. */
  readonly features: unknown;
  /** The version that answers, where it was chosen already. */
  readonly model?: Model;
}

/** What an answer leaves in its event. */
export interface Recorded {
  /** Work for the reply that needs no event. */
  readonly prepareReply?: () => void;
  /** JSON text of the prediction as the event keeps it. */
  readonly recorded: string;
  readonly confidence: number | null;
  readonly latencyMs: number;
  readonly computeMs?: number;
  readonly promptTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
}

export interface DeskPorts {
  readonly router: VersionRouter;
  readonly recorder: EventRecorder;
  readonly now: () => number;
  readonly elapsed: () => number;
  readonly newId: () => string;
  readonly log: (level: 'warn' | 'error', message: string, cause?: unknown) => void;
}

/**
 * The life of one prediction: choose the version, ask, record what came, answer. A failure is recorded too,
 * and its error then carries the `inferenceId`.
 */
export class PredictionDesk {
  readonly #ports: DeskPorts;

  constructor(ports: DeskPorts) {
    this.#ports = ports;
  }

  /**
   * @param answerOf  asks the model that was chosen.
   * @param made      JSON text of what there is of an answer that was not finished, for its event.
   */
  async ask<Answer extends Recorded>(
    question: Question,
    asker: Asker,
    answerOf: (model: Model, inferenceId: string) => Promise<Answer>,
    made: () => string | undefined = () => undefined,
  ) {
    const { elapsed, newId } = this.#ports;
    const inferenceId = newId();
    const started = elapsed();
    let model: Model | undefined;
    let answer: Answer;
    try {
      model = question.model ?? (await this.#resolve(question));
      answer = await answerOf(model, inferenceId).catch(async (error: unknown) => {
        const next = await this.#successorOf(model as Model, question, error);
        if (!next) throw error;
        model = next;
        return answerOf(next, inferenceId);
      });
    } catch (error) {
      const latencyMs = elapsed() - started;
      throw await this.recordFailure(error, question, asker, { inferenceId, model, latencyMs, made: made() });
    }
    const answered = elapsed();
    const recorded = this.#ports.recorder.record(
      {
        ...this.#eventOf(inferenceId, question, asker, model),
        prediction: answer.recorded,
        confidence: answer.confidence,
        latencyMs: answer.latencyMs,
        promptTokens: answer.promptTokens ?? null,
        completionTokens: answer.completionTokens ?? null,
        computeMs: answer.computeMs ?? null,
      },
      model.metadata.serving?.recording,
    );
    // While the event is on its way to the disk, this thread has time for the reply.
    answer.prepareReply?.();
    await recorded;
    return { inferenceId, model, answer, recordMs: elapsed() - answered };
  }

  /** Records a prediction that ended in an error; returns the error to throw, with its `inferenceId`. */
  async recordFailure(
    error: unknown,
    question: Question,
    asker: Asker,
    known: { inferenceId?: string; model?: Model | undefined; latencyMs?: number; made?: string | undefined } = {},
  ): Promise<AppError> {
    const inferenceId = known.inferenceId ?? this.#ports.newId();
    const failure = failureOf(error, inferenceId);
    if (failure.code === 'INTERNAL') this.#ports.log('error', `prediction ${inferenceId} broke`, error);
    const event = {
      ...this.#eventOf(inferenceId, question, asker, known.model),
      prediction: known.made ?? null,
      latencyMs: known.latencyMs ?? 0,
      errorCode: failure.code,
    };
    await this.#ports.recorder.record(event, known.model?.metadata.serving?.recording);
    return failure;
  }

  #resolve({ modelName, modelVersion }: Question): Promise<Model> {
    return this.#ports.router.resolve(modelName, modelVersion);
  }

  /** Who named no version need not know that the one chosen was deleted on the way, if another can answer. */
  async #successorOf(model: Model, question: Question, error: unknown): Promise<Model | undefined> {
    const isChosenHere = question.model === undefined && question.modelVersion === undefined;
    if (!isChosenHere || !(error instanceof AppError && error.code === 'MODEL_NOT_FOUND')) return undefined;
    this.#ports.router.forget(question.modelName);
    const next = await this.#resolve(question);
    return next === model ? undefined : next;
  }

  #eventOf(id: string, question: Question, asker: Asker, model: Model | undefined): EventRow {
    return {
      id,
      timestamp: this.#ports.now(),
      modelName: question.modelName,
      modelVersion: model?.modelVersion ?? question.modelVersion ?? null,
      framework: model?.framework ?? null,
      requestId: asker.requestId,
      userId: asker.userId ?? null,
      sessionId: asker.sessionId ?? null,
      featuresIn: question.features === undefined ? null : JSON.stringify(question.features),
      prediction: null,
      confidence: null,
      latencyMs: null,
      actualOutcome: null,
      feedbackTimestamp: null,
      correct: null,
      correctSource: null,
      digest: model?.digest ?? null,
      errorCode: null,
      variant: null,
      promptTokens: null,
      completionTokens: null,
      computeMs: null,
      caller: asker.caller,
    };
  }
}

function failureOf(error: unknown, inferenceId: string): AppError {
  const known = error instanceof AppError ? error : undefined;
  const message = known?.message ?? 'Something broke on our side; the server log has it under this inferenceId.';
  return new AppError(known?.code ?? 'INTERNAL', message, {
    cause: error,
    violations: known?.violations ?? [],
    ...(known?.retryAfterSeconds !== undefined && { retryAfterSeconds: known.retryAfterSeconds }),
    facts: { ...known?.facts, inferenceId },
  });
}
