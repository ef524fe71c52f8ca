import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { rssAnonBytes } from '../../lib/process-memory.ts';
import { type Route, route } from '../edge/route.ts';

const Status = z.looseObject({ status: z.enum(['healthy', 'degraded']), uptime: z.number() });

export const statusRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/status',
    action: 'status.read',
    tag: 'Observability',
    summary: 'Versions, backends, loaded models, runners, queues and memory',
    replies: { 200: { description: 'The state of this node', schema: Status } },
    handle: async (app) => ({ body: await statusOf(app) }),
  }),
];

async function statusOf({ engine, registry, versions }: App) {
  const { models, runners, queues, backends } = await engine.status();
  const names = new Map<string, { modelName: string; modelVersion: string; framework: string }>();
  for (const { digest, modelName, modelVersion, framework } of await registry.list()) {
    names.set(digest, { modelName, modelVersion, framework });
  }
  const degraded = models.some(({ state }) => state === 'quarantined') || runners.length === 0;
  return {
    status: degraded ? 'degraded' : 'healthy',
    uptime: process.uptime(),
    versions: { ...versions, node: process.versions.node },
    backends,
    models: models.map((model) => ({
      ...(names.get(model.digest) ?? { modelName: null, modelVersion: null, framework: null }),
      ...model,
    })),
    runners,
    queues,
    memory: { rssAnonBytes: await rssAnonBytes(process.pid), heapUsedBytes: process.memoryUsage().heapUsed },
    components: { inferenceEngine: runners.length > 0 ? 'ready' : 'starting', monitoringBackend: 'ready' },
  };
}
