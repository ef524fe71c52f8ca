import type { EventRow } from '../../src/store/rows.ts';

let made = 0;

/** An event of model iris, with what matters to a test in place of nulls. */
export function event(own: Partial<EventRow> = {}): EventRow {
  made++;
  return {
    id: `event-${made}`,
    timestamp: made,
    modelName: 'iris',
    modelVersion: 'v1',
    framework: 'onnx',
    requestId: null,
    userId: null,
    sessionId: null,
    featuresIn: null,
    prediction: null,
    confidence: null,
    latencyMs: null,
    actualOutcome: null,
    feedbackTimestamp: null,
    correct: null,
    correctSource: null,
    digest: null,
    errorCode: null,
    variant: null,
    promptTokens: null,
    completionTokens: null,
    computeMs: null,
    caller: 'ann',
    ...own,
  };
}
