/** The records as the tables hold them: times are epoch milliseconds, fields that hold JSON are strings. */

export type Stage = 'candidate' | 'staging' | 'production' | 'archived';
export type ModelStatus = 'active' | 'experimental' | 'deprecated';

/** Table `Model`, without the bytes. */
export interface ModelRow {
  /** `modelName:modelVersion` */
  readonly id: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly framework: string;
  readonly stage: Stage;
  readonly status: ModelStatus;
  readonly blobSize: number;
  /** sha256 of the bytes, lower-case hexadecimal. */
  readonly digest: string;
  readonly inputSchema: string;
  readonly outputSchema: string;
  readonly metadata: string;
  readonly uploadedAt: number;
  readonly uploadedBy: string;
  /** Counts up per model name. */
  readonly deploymentVersion: number;
  readonly trainingRunId: string | null;
  readonly parentDeploymentVersion: number | null;
  readonly promotedAt: number | null;
  readonly promotedBy: string | null;
}

/** Table `InferenceEvent`; `id` is the inferenceId. */
export interface EventRow {
  readonly id: string;
  readonly timestamp: number;
  readonly modelName: string;
  readonly modelVersion: string | null;
  readonly framework: string | null;
  readonly requestId: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly featuresIn: string | null;
  readonly prediction: string | null;
  readonly confidence: number | null;
  readonly latencyMs: number | null;
  readonly actualOutcome: string | null;
  readonly feedbackTimestamp: number | null;
  readonly correct: boolean | null;
  readonly correctSource: 'caller' | 'computed' | null;
  readonly digest: string | null;
  readonly errorCode: string | null;
  readonly variant: string | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly computeMs: number | null;
  /** The login that asked; predictors see and label only their own. */
  readonly caller: string | null;
}

export type JobType = 'batch' | 'benchmark' | 'validation' | 'fetch' | 'drift';
export type JobStatus = 'queued' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

/** Table `Job`: long work that outlives the server that began it. */
export interface JobRow {
  readonly id: string;
  readonly type: JobType;
  readonly status: JobStatus;
  readonly phase: string | null;
  readonly modelName: string | null;
  readonly modelVersion: string | null;
  readonly request: string;
  readonly progress: string;
  /** What the work needs to go on where it was, in its own words. */
  readonly checkpoint: string | null;
  /** Past the point up to which the work leaves nothing behind: it can be neither cancelled nor paused. */
  readonly sealed: boolean | null;
  readonly result: string | null;
  readonly error: string | null;
  /** Claims since it was made or resumed. */
  readonly attempts: number;
  /** Not to be claimed earlier; null for at once. */
  readonly notBefore: number | null;
  /** Who runs it, another with every claim; null for nobody. */
  readonly leaseOwner: string | null;
  readonly leaseUntil: number | null;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
}

/** Table `RetiredVersion`: a deleted version keeps its name, so that other bytes can never take it. */
export interface RetiredVersionRow {
  readonly id: string;
  readonly modelName: string;
  readonly digest: string;
  readonly deploymentVersion: number;
  readonly retiredAt: number;
  readonly retiredBy: string;
}

/** The attributes of each table in the order of `schema.graphql`, without the bytes of a model. */
export const modelAttributes = [
  'id',
  'modelName',
  'modelVersion',
  'framework',
  'stage',
  'status',
  'blobSize',
  'digest',
  'inputSchema',
  'outputSchema',
  'metadata',
  'uploadedAt',
  'uploadedBy',
  'deploymentVersion',
  'trainingRunId',
  'parentDeploymentVersion',
  'promotedAt',
  'promotedBy',
] as const satisfies readonly (keyof ModelRow)[];

export const eventAttributes = [
  'id',
  'timestamp',
  'modelName',
  'modelVersion',
  'framework',
  'requestId',
  'userId',
  'sessionId',
  'featuresIn',
  'prediction',
  'confidence',
  'latencyMs',
  'actualOutcome',
  'feedbackTimestamp',
  'correct',
  'correctSource',
  'digest',
  'errorCode',
  'variant',
  'promptTokens',
  'completionTokens',
  'computeMs',
  'caller',
] as const satisfies readonly (keyof EventRow)[];

export const jobAttributes = [
  'id',
  'type',
  'status',
  'phase',
  'modelName',
  'modelVersion',
  'request',
  'progress',
  'checkpoint',
  'sealed',
  'result',
  'error',
  'attempts',
  'notBefore',
  'leaseOwner',
  'leaseUntil',
  'createdBy',
  'createdAt',
  'startedAt',
  'completedAt',
] as const satisfies readonly (keyof JobRow)[];

export const retiredVersionAttributes = [
  'id',
  'modelName',
  'digest',
  'deploymentVersion',
  'retiredAt',
  'retiredBy',
] as const satisfies readonly (keyof RetiredVersionRow)[];

/** Attributes with an index, by which a table may be put in order. */
export const indexedModelAttributes = [
  'modelName',
  'modelVersion',
  'framework',
  'stage',
  'status',
  'digest',
  'deploymentVersion',
] as const satisfies readonly (keyof ModelRow)[];

export const indexedEventAttributes = [
  'timestamp',
  'modelName',
  'modelVersion',
  'framework',
  'requestId',
  'userId',
  'sessionId',
] as const satisfies readonly (keyof EventRow)[];

export const indexedJobAttributes = [
  'type',
  'status',
  'modelName',
  'createdAt',
] as const satisfies readonly (keyof JobRow)[];
