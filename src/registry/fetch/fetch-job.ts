import { rm } from 'node:fs/promises';
import type { JobKind } from '../../jobs/job-kind.ts';
import type { Work } from '../../jobs/work.ts';
import type { ReceivedFile } from '../../lib/receive-file.ts';
import type { Registry } from '../registry.ts';
import type { FetchRequest } from './fetch-request.ts';
import { findFramework } from './find-framework.ts';
import type { ModelSources } from './model-sources.ts';

export interface FetchJobPorts {
  readonly registry: Registry;
  readonly sources: ModelSources;
}

interface Fetched {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly digest: string;
}

/**
 * Fetches a model and registers it as a candidate, as an upload would. Paused, it begins again. Up to the moment
 * in which the version is stored it can be cancelled, and then leaves no file and no record.
 */
export const fetchJob = (ports: FetchJobPorts): JobKind => ({
  type: 'fetch',
  unit: 'bytes',
  pausable: true,
  run: (work) => fetchModel(ports, work.request as FetchRequest, work),
});

async function fetchModel({ registry, sources }: FetchJobPorts, request: FetchRequest, work: Work): Promise<Fetched> {
  const stored = await storedBefore(registry, request, work);
  if (stored) return stored;
  if (work.wasSealed) await work.unseal();
  await work.phase('downloading');
  const { signal } = work;
  const file = await sources.gather(request, { signal, onProgress: (done, total) => work.progress(done, total) });
  try {
    await work.phase('processing');
    const framework = request.framework ?? (await findFramework(file.path, request.source === 'huggingface'));
    const { modelName, modelVersion, metadata, sha256: expectedSha256 } = request;
    const registration = {
      modelName,
      modelVersion,
      framework,
      stage: 'candidate' as const,
      metadata,
      ...(expectedSha256 !== undefined && { expectedSha256 }),
    };
    const { model } = await registry.register(registration, file, work.createdBy, () => seal(work, file));
    return { modelName, modelVersion, digest: model.digest };
  } finally {
    await rm(file.path, { force: true });
  }
}

const seal = (work: Work, { sha256 }: ReceivedFile): Promise<void> => work.seal({ digest: sha256 });

/** The version, when an earlier attempt stored it, or when the caller says which bytes it has and they are there. */
async function storedBefore(
  registry: Registry,
  request: FetchRequest,
  { checkpoint }: Work,
): Promise<Fetched | undefined> {
  const { modelName, modelVersion } = request;
  const digest = (checkpoint as { digest?: string } | undefined)?.digest ?? request.sha256;
  if (digest === undefined) return undefined;
  const present = await registry.get(modelName, modelVersion).catch(() => undefined);
  return present?.digest === digest ? { modelName, modelVersion, digest } : undefined;
}
