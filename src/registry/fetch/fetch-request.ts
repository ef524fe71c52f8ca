import type { Metadata } from '../metadata.ts';

/** A model that the server gets by itself, from where the caller says it is. */
export interface FetchRequest {
  readonly source: FetchSource;
  /** Below a models folder, a URL, or `owner/name` with `@revision` on the hub. */
  readonly sourceReference: string;
  /** Which of several ONNX files: `fp32`, `q8`, ..., or the path of one. */
  readonly variant?: string | undefined;
  readonly modelName: string;
  readonly modelVersion: string;
  /** Found out from the files unless given. */
  readonly framework?: string | undefined;
  readonly metadata: Metadata;
  /** What the stored bytes must hash to, lower-case hexadecimal. */
  readonly sha256?: string | undefined;
}

export const fetchSources = ['huggingface', 'url', 'filesystem'] as const;
export type FetchSource = (typeof fetchSources)[number];

/** What a gathering source is told: when to stop, and where to say how far it is. */
export interface Gathering {
  readonly signal: AbortSignal;
  /** Bytes so far and in all; null while nobody knows. */
  readonly onProgress: (done: number, total: number | null) => void;
}
