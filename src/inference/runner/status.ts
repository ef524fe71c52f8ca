import type { EngineModelStatus, EngineStatus } from '../engine.ts';
import type { Quarantined, RunnerAddress } from './notices.ts';
import { anonymousMemoryOf } from './resident-memory.ts';

/** One picture of all runners from what each says of itself. A runner that is busy may be missing among `parts`. */
export function mergeStatus(
  parts: readonly EngineStatus[],
  runners: readonly RunnerAddress[],
  quarantined: readonly Quarantined[],
  backends: EngineStatus['backends'],
): EngineStatus {
  const models = new Map<string, EngineModelStatus>();
  for (const model of parts.flatMap((part) => part.models)) {
    const other = models.get(model.digest);
    models.set(model.digest, other ? addModels(other, model) : model);
  }
  for (const { digest, reason } of quarantined) {
    const { memoryBytes = 0, inFlight = 0, queued = 0, lastUsedAt = null, loads = 0 } = models.get(digest) ?? {};
    models.set(digest, { digest, state: 'quarantined', reason, memoryBytes, inFlight, queued, lastUsedAt, loads });
  }
  const sum = (field: 'inFlight' | 'queued' | 'limit') => parts.reduce((total, { queues }) => total + queues[field], 0);
  return {
    models: [...models.values()],
    runners: runners.map(({ id, serves, restarts, pid }) => ({
      id,
      serves,
      restarts,
      memoryBytes: anonymousMemoryOf(pid),
    })),
    queues: { inFlight: sum('inFlight'), queued: sum('queued'), limit: sum('limit') },
    backends,
  };
}

/** A model that several runners hold: ready when one of them is, used when one of them last used it. */
function addModels(a: EngineModelStatus, b: EngineModelStatus): EngineModelStatus {
  return {
    digest: a.digest,
    state: a.state === 'ready' ? a.state : b.state,
    reason: null,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    inFlight: a.inFlight + b.inFlight,
    queued: a.queued + b.queued,
    lastUsedAt: Math.max(a.lastUsedAt ?? 0, b.lastUsedAt ?? 0) || null,
    loads: (a.loads ?? 0) + (b.loads ?? 0),
  };
}
