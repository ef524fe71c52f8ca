import type { ReceivedFile } from '../lib/receive-file.ts';
import type { TensorSpec } from '../lib/tensor.ts';
import type { ModelRow, Stage } from '../store/rows.ts';
import { canonicalFramework } from './frameworks.ts';
import type { Metadata } from './metadata.ts';
import type { Model } from './model.ts';
import { completeFields, completeSpecs, type DeclaredSpec, type FeatureSpec } from './model-schema.ts';

export interface Registration {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly framework: string;
  readonly stage: Stage;
  readonly inputs?: readonly DeclaredSpec[];
  readonly outputs?: readonly DeclaredSpec[];
  readonly metadata: Metadata;
  /** sha256 that the caller says the bytes have. */
  readonly expectedSha256?: string;
}

/** What the first load taught. */
export interface LearntSchema {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly text?: NonNullable<Model['info']>;
  /** Of a model that reads features itself. */
  readonly fields?: { readonly inputs: readonly FeatureSpec[]; readonly outputs: readonly FeatureSpec[] };
}

/**
 * The record of a version that was received, read by the gate and loaded once.
 *
 * @param learnt  completes and corrects what the caller said of inputs and outputs.
 */
export function newModelRow(
  id: string,
  wanted: Registration,
  file: ReceivedFile,
  learnt: LearntSchema,
  origin: Pick<ModelRow, 'uploadedAt' | 'uploadedBy' | 'deploymentVersion'>,
): ModelRow {
  const takes = [
    ...completeSpecs(wanted.inputs, learnt.inputs),
    ...completeFields(wanted.inputs, learnt.fields?.inputs),
  ];
  const gives = [
    ...completeSpecs(wanted.outputs, learnt.outputs),
    ...completeFields(wanted.outputs, learnt.fields?.outputs),
  ];
  const isPromoted = wanted.stage === 'production' || wanted.stage === 'staging';
  return {
    id,
    modelName: wanted.modelName,
    modelVersion: wanted.modelVersion,
    framework: canonicalFramework(wanted.framework),
    stage: wanted.stage,
    status: 'active',
    blobSize: file.size,
    digest: file.sha256,
    inputSchema: JSON.stringify({ inputs: takes }),
    outputSchema: JSON.stringify({ outputs: gives, ...(learnt.text && { info: learnt.text }) }),
    metadata: JSON.stringify(wanted.metadata),
    ...origin,
    trainingRunId: null,
    parentDeploymentVersion: null,
    promotedAt: isPromoted ? origin.uploadedAt : null,
    promotedBy: isPromoted ? origin.uploadedBy : null,
  };
}
