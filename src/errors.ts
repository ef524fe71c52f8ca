/**
 * Every stable error code with its kind. The kind says what sort of failure it is in words that know
 * no HTTP; `resources/respond.ts` turns a kind into a status.
 */
export const errorKinds = {
  INVALID_JSON: 'invalid',
  INVALID_INPUT: 'invalid',
  ID_INVALID: 'invalid',
  INPUT_NAME: 'invalid',
  INPUT_SHAPE: 'invalid',
  INPUT_DTYPE: 'invalid',
  INPUT_NOT_FINITE: 'invalid',
  UNAUTHENTICATED: 'unauthenticated',
  FORBIDDEN: 'forbidden',
  MODEL_NOT_FOUND: 'missing',
  EVENT_NOT_FOUND: 'missing',
  NOT_FOUND: 'missing',
  METHOD_NOT_ALLOWED: 'method',
  NOT_ACCEPTABLE: 'unacceptable',
  VERSION_IMMUTABLE: 'conflict',
  NO_PRODUCTION: 'conflict',
  FEEDBACK_CONFLICT: 'conflict',
  STATE_CONFLICT: 'conflict',
  BODY_TOO_LARGE: 'too-large',
  MODEL_TOO_LARGE: 'too-large',
  BATCH_LIMIT: 'too-large',
  UNSUPPORTED_MEDIA_TYPE: 'media-type',
  FORMAT_NOT_LOADABLE: 'media-type',
  MODEL_MALFORMED: 'refused',
  MODEL_FORMAT: 'refused',
  MODEL_EXTERNAL_DATA: 'refused',
  MODEL_SHAPE: 'refused',
  MODEL_DTYPE: 'refused',
  MODEL_OP_UNSUPPORTED: 'refused',
  MODEL_TOO_COMPLEX: 'refused',
  MODEL_MANIFEST: 'refused',
  MODEL_LOAD_FAILED: 'refused',
  MODEL_RESOURCE: 'refused',
  ARCHIVE_PATH: 'refused',
  ARCHIVE_LIMIT: 'refused',
  DIGEST_MISMATCH: 'refused',
  QUEUE_FULL: 'busy',
  INTERNAL: 'broken',
  BACKEND_FAILED: 'broken',
  BACKEND_CRASHED: 'broken',
  BACKEND_NOT_INSTALLED: 'broken',
  DEVICE_UNAVAILABLE: 'broken',
  INFERENCE_TIMEOUT: 'unavailable',
  OVERLOADED: 'unavailable',
  MODEL_QUARANTINED: 'unavailable',
  MODEL_UNAVAILABLE: 'unavailable',
  NOT_READY: 'unavailable',
  STORAGE_FULL: 'storage-full',
  UPSTREAM_FAILED: 'upstream',
  UPSTREAM_UNAVAILABLE: 'unavailable',
  URL_FORBIDDEN: 'refused',
  PATH_FORBIDDEN: 'refused',
  JOB_NOT_FOUND: 'missing',
  RATE_LIMITED: 'busy',
  CANCELLED: 'gone',
} as const;

export type ErrorCode = keyof typeof errorKinds;
export type ErrorKind = (typeof errorKinds)[ErrorCode];

/** One violation inside a request or a model file. */
export interface Violation {
  /** Where the value stands, for example `features.input[3]` or `graph.node[2].attribute[0]`. */
  readonly path: string;
  /** What was expected, what came, what to do. */
  readonly message: string;
}

/**
 * The only error that inner code throws on purpose. Its message is shown to callers, so it says what was
 * expected, what came and what to do next, and never carries a path of this machine or a native message.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  /** How long a caller should wait before trying again; set for busy and unavailable kinds. */
  readonly retryAfterSeconds: number | undefined;
  /** Further members of the error's body, such as `inferenceId`. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    more: {
      cause?: unknown;
      violations?: readonly Violation[];
      retryAfterSeconds?: number;
      facts?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'AppError';
    this.code = code;
    this.violations = more.violations ?? [];
    this.retryAfterSeconds = more.retryAfterSeconds;
    this.facts = more.facts ?? {};
  }
}
