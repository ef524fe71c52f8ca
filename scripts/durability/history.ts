import { createHash } from 'node:crypto';
import type { TableModel } from './model-bytes.ts';

/** What was asked of the server, and whether it said yes. What it said yes to must be there for ever. */
interface Attempt {
  /** Epoch milliseconds; undefined when no whole answer came. */
  acknowledgedAt?: number;
}

export interface PredictionAttempt extends Attempt {
  readonly operation: 'predict';
  readonly requestId: string;
  readonly features: unknown;
  /** The inferenceId of the answer. */
  id?: string;
  /** sha256 of the features sent and the prediction received. */
  digest?: string;
}

export interface FeedbackAttempt extends Attempt {
  readonly operation: 'feedback';
  /** The event it is about. */
  readonly id: string;
  /** sha256 of the outcome. */
  readonly digest: string;
}

export const ways = ['multipart', 'json', 'blob'] as const;

export interface UploadAttempt extends Attempt {
  readonly operation: 'upload';
  readonly way: (typeof ways)[number];
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  /** sha256 of the bytes. */
  readonly digest: string;
  readonly size: number;
  readonly probe: { readonly row: number; readonly values: readonly number[] };
}

export interface History {
  readonly predictions: PredictionAttempt[];
  readonly feedback: FeedbackAttempt[];
  readonly uploads: UploadAttempt[];
  /** Whole answers that were no success, by operation and error code. */
  readonly refusals: Record<string, number>;
}

export const newHistory = (): History => ({ predictions: [], feedback: [], uploads: [], refusals: {} });

export const isAcknowledged = ({ acknowledgedAt }: Attempt): boolean => acknowledgedAt !== undefined;

export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What an event must keep of a prediction. */
export const contentDigest = (features: unknown, prediction: unknown): string =>
  sha256(JSON.stringify([features, prediction]));

/** An attempt to upload a model; any one of its rows will be asked for. */
export function uploadAttempt(way: UploadAttempt['way'], name: string, model: TableModel, row: number): UploadAttempt {
  return {
    operation: 'upload',
    way,
    modelName: name,
    modelVersion: 'v1',
    id: `${name}:v1`,
    digest: sha256(model.bytes),
    size: model.bytes.length,
    probe: { row, values: model.row(row) },
  };
}
