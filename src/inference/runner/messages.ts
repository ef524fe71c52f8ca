import { AppError, type ErrorCode, errorKinds, type Violation } from '../../errors.ts';
import type { EngineInput, EngineModel, EngineResult, EngineStatus, ModelInfo } from '../engine.ts';
import type { WireTensor } from './wire-tensors.ts';

/** What a client asks of a runner. A model is described once for a connection and then known by its number. */
export type RunnerRequest =
  | { readonly op: 'model'; readonly model: number; readonly description: EngineModel }
  | { readonly op: 'load'; readonly id: number; readonly model: number }
  | PredictRequest
  | { readonly op: 'unload'; readonly id: number; readonly digest: string }
  | { readonly op: 'status'; readonly id: number }
  | { readonly op: 'availability'; readonly id: number }
  | { readonly op: 'cancel'; readonly id: number };

export interface PredictRequest {
  readonly op: 'predict';
  readonly id: number;
  readonly model: number;
  /** Both on the clock of `monotonicMs`. */
  readonly deadline: number;
  readonly sentAt: number;
  readonly tensors?: readonly WireTensor[];
  readonly texts?: readonly string[];
  readonly normalize?: boolean;
  /** For a model that reads features itself. */
  readonly question?: Extract<EngineInput, { kind: 'features' }>;
}

/** What a runner answers; exactly one for each request with an id that was not cancelled. */
export type RunnerReply =
  | PredictReply
  | { readonly id: number; readonly type: 'info'; readonly info: ModelInfo }
  | { readonly id: number; readonly type: 'status'; readonly status: EngineStatus }
  | { readonly id: number; readonly type: 'availability'; readonly backends: EngineStatus['backends'] }
  | { readonly id: number; readonly type: 'done' }
  | { readonly id: number; readonly type: 'error'; readonly error: WireError };

export interface PredictReply extends Omit<EngineResult, 'outputs'> {
  readonly id: number;
  readonly type: 'result';
  readonly outputs: readonly WireTensor[];
}

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly violations: readonly Violation[];
  readonly retryAfterSeconds?: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** An error as it crosses the socket. What is no `AppError` is our own fault and says nothing of itself. */
export function toWireError(error: unknown): WireError {
  if (!(error instanceof AppError)) {
    return {
      code: 'INTERNAL',
      message: 'The runner failed in a way that is not foreseen; its log holds the details',
      violations: [],
      facts: {},
    };
  }
  const { code, message, violations, retryAfterSeconds, facts } = error;
  return { code, message, violations, facts, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
}

export function fromWireError({ code, message, violations, retryAfterSeconds, facts }: WireError): AppError {
  const known = Object.hasOwn(errorKinds, code) ? code : 'INTERNAL';
  return new AppError(known, message, {
    violations,
    facts,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
