import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { type Route, route } from '../edge/route.ts';

const Checks = z.object({ store: z.string(), runner: z.string() });
const Ready = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: Checks,
  /** NOT_READY beside `not_ready`. */
  code: z.literal('NOT_READY').optional(),
});

const alive = (path: string) =>
  route({
    method: 'GET',
    path,
    action: 'health.read',
    tag: 'Observability',
    summary: 'Whether the process answers',
    replies: { 200: { description: 'Alive', schema: z.object({ status: z.literal('ok') }) } },
    handle: async () => ({ body: { status: 'ok' } }),
  });

const ready = (path: string) =>
  route({
    method: 'GET',
    path,
    action: 'health.read',
    tag: 'Observability',
    summary: 'Whether predictions can be served and recorded',
    replies: {
      200: { description: 'Ready', schema: Ready },
      503: { description: 'Not ready yet; try again after Retry-After', schema: Ready },
    },
    async handle(app) {
      if (app.isStopping()) return { status: 503, headers: { 'retry-after': '5' }, body: stopping };
      const checks = { store: await storeCheck(app), runner: await runnerCheck(app) };
      if (checks.store === 'ok' && checks.runner === 'ok') return { body: { status: 'ready', checks } };
      return { status: 503, headers: { 'retry-after': '1' }, body: { status: 'not_ready', checks, code: 'NOT_READY' } };
    },
  });

const stopping = { status: 'not_ready', checks: { store: 'stopping', runner: 'stopping' }, code: 'NOT_READY' };

async function storeCheck({ store, log }: App): Promise<string> {
  try {
    await store.models.get('ready:check');
    return 'ok';
  } catch (error) {
    log('error', 'the store does not answer', error);
    return 'failed';
  }
}

async function runnerCheck({ engine, log }: App): Promise<string> {
  try {
    const { runners } = await engine.status();
    return runners.some(({ serves }) => serves === 'production') ? 'ok' : 'starting';
  } catch (error) {
    log('warn', 'the runners do not answer', error);
    return 'failed';
  }
}

export const healthRoutes: Route[] = [alive('/health'), alive('/healthz'), ready('/health/ready'), ready('/readyz')];
