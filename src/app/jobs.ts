import { v7 as uuid } from 'uuid';
import type { Config } from '../config.ts';
import { EgressPolicy } from '../egress/egress-policy.ts';
import { JobDesk } from '../jobs/job-desk.ts';
import { kindsOf } from '../jobs/job-kind.ts';
import { JobRunner } from '../jobs/job-runner.ts';
import { fetchJob } from '../registry/fetch/fetch-job.ts';
import type { FetchRequest } from '../registry/fetch/fetch-request.ts';
import { ModelFolders } from '../registry/fetch/model-folders.ts';
import { ModelSources } from '../registry/fetch/model-sources.ts';
import type { PackageStore } from '../registry/package-store.ts';
import type { Registry } from '../registry/registry.ts';
import type { JobRow } from '../store/rows.ts';
import type { Store } from '../store/store.ts';

export interface JobsPorts {
  readonly store: Store;
  readonly registry: Registry;
  readonly packages: PackageStore;
  /** The folder `models/` of this product. */
  readonly modelsFolder: string;
  /** Tells the thread that runs jobs of this node about one that is new or was changed. */
  readonly announceJob: (id: string) => void;
  readonly log: (level: 'warn' | 'error', message: string, cause?: unknown) => void;
  readonly now: () => number;
}

/** The types of jobs there are, the desk that takes them, and the runner that one thread of a node starts. */
export function createJobs(config: Config, ports: JobsPorts) {
  const { store, registry, packages, modelsFolder, now, log } = ports;
  const sources = new ModelSources({
    packages,
    folders: new ModelFolders([...(config.MODELS_DIR === undefined ? [] : [config.MODELS_DIR]), modelsFolder]),
    policy: new EgressPolicy({ allow: config.EGRESS_ALLOW }),
    hub: { endpoint: config.HF_ENDPOINT, isAllowed: config.ALLOW_REMOTE_MODELS },
    maxBytes: config.MAX_MODEL_BYTES,
  });
  const shared = { store, kinds: kindsOf([fetchJob({ registry, sources })]), now, newId: uuid };
  const runner = new JobRunner({ ...shared, log });
  const announce = (id: string) => {
    runner.heed(id);
    ports.announceJob(id);
  };
  const desk = new JobDesk({ ...shared, announce });
  return {
    desk,
    runner,
    /** @throws AppError URL_FORBIDDEN, PATH_FORBIDDEN, INVALID_INPUT */
    async fetchModel(request: FetchRequest, createdBy: string): Promise<JobRow> {
      await sources.check(request);
      const { modelName, modelVersion } = request;
      return desk.create({ type: 'fetch', request, modelName, modelVersion, createdBy });
    },
  };
}
