import { v7 as uuid } from 'uuid';
import { AppError } from '../errors.ts';
import type { EventRecorder } from '../monitoring/events/event-recorder.ts';
import type { FeedbackDesk } from '../monitoring/feedback/feedback.ts';
import type { Registry } from '../registry/registry.ts';

export interface ImportedEvent {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly features?: unknown;
  readonly prediction?: unknown;
  readonly confidence?: number | undefined;
  readonly latencyMs?: number | undefined;
  readonly timestamp?: number | undefined;
  readonly requestId?: string | undefined;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly outcome?: unknown;
}

export interface ImportPorts {
  readonly registry: Registry;
  readonly recorder: EventRecorder;
  readonly feedback: FeedbackDesk;
  readonly now: () => number;
}

const dayMs = 86_400_000;

/**
 * Records a prediction that was made elsewhere or earlier, with its outcome when it is known.
 *
 * @returns the event's id
 * @throws AppError MODEL_NOT_FOUND, INVALID_INPUT
 */
export async function importEvent(
  { registry, recorder, feedback, now }: ImportPorts,
  event: ImportedEvent,
  caller: string,
): Promise<string> {
  const model = await registry.get(event.modelName, event.modelVersion);
  const timestamp = event.timestamp ?? now();
  if (timestamp > now() + dayMs) {
    const message = 'expected a time at most 24 hours ahead';
    throw new AppError('INVALID_INPUT', `timestamp: ${message}.`, { violations: [{ path: 'timestamp', message }] });
  }
  const id = uuid({ msecs: timestamp });
  await recorder.record({
    id,
    timestamp,
    modelName: model.modelName,
    modelVersion: model.modelVersion,
    framework: model.framework,
    requestId: event.requestId ?? null,
    userId: event.userId ?? null,
    sessionId: event.sessionId ?? null,
    featuresIn: event.features === undefined ? null : JSON.stringify(event.features),
    prediction: event.prediction === undefined ? null : JSON.stringify(event.prediction),
    confidence: event.confidence ?? null,
    latencyMs: event.latencyMs ?? null,
    actualOutcome: null,
    feedbackTimestamp: null,
    correct: null,
    correctSource: null,
    digest: model.digest,
    errorCode: null,
    variant: null,
    promptTokens: null,
    completionTokens: null,
    computeMs: null,
    caller,
  });
  if (event.outcome !== undefined) await feedback.give({ inferenceId: id, outcome: event.outcome });
  return id;
}
