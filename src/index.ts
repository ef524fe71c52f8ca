import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel, threadId } from 'node:worker_threads';
import { logger, server } from 'harperdb';
import { createApp, type ModelChange } from './app/create-app.ts';
import { readConfig } from './config.ts';
import { backendsAt } from './inference/backends/index.ts';
import { monotonicMs } from './inference/batching/monotonic.ts';
import { InlineEngine } from './inference/inline-engine.ts';
import { PlacedEngine } from './inference/placed-engine.ts';
import { RunnerClient } from './inference/runner/client.ts';
import { defaultRuntimeDirectory } from './inference/runner/runtime-directory.ts';
import { RunnerSupervisor } from './inference/runner/supervisor.ts';
import { type LogFields, StructuredLog } from './lib/structured-log.ts';
import { inspectPackage } from './registry/gate/inspect-package.ts';
import { AccessLog } from './resources/edge/access-log.ts';
import { Front } from './resources/edge/front.ts';
import { GracefulStop } from './resources/edge/graceful-stop.ts';
import type { HarperServer } from './resources/edge/harper-http.ts';
import { LoginGuard, loginGuardBytes } from './resources/edge/login-guard.ts';
import { RateLimit, rateLimitBytes } from './resources/edge/rate-limit.ts';
import { refuseUpgrades } from './resources/edge/refuse-upgrade.ts';
import { Router } from './resources/edge/router.ts';
import { type StopNotice, stopChannel } from './resources/edge/stop-notice.ts';
import { routes } from './resources/routes/index.ts';
import { harperStore, sharedMemory } from './store/harper.ts';

// What Harper loads, once in every HTTP thread: it puts our routes in front of Harper's own.

const config = readConfig(process.env);
const http = server as unknown as HarperServer;
const runners = { directory: defaultRuntimeDirectory(), stateDirectory: join(config.AI_OPS_ROOT, 'quarantine') };

const harperLog = logger as unknown as Record<string, ((words: string) => void) | undefined>;
const lines = new StructuredLog({
  level: config.LOG_LEVEL,
  format: config.LOG_FORMAT,
  write: (line, level) => (config.LOG_FORMAT === 'json' ? process.stdout.write(`${line}\n`) : harperLog[level]?.(line)),
  now: Date.now,
});
const log = (level: 'warn' | 'error', message: string, cause?: unknown, fields?: LogFields) =>
  lines.problem(level, message, cause, fields);

const inlineBackends = backendsAt('inline', {
  ollamaHost: config.OLLAMA_HOST,
  ollamaDefaultModel: config.OLLAMA_DEFAULT_MODEL,
});
const changes = new BroadcastChannel('ai-ops-models');
const jobNews = new BroadcastChannel('ai-ops-jobs');
const app = createApp(config, {
  store: harperStore(),
  engine: new PlacedEngine({
    placementOf: (framework) => (Object.hasOwn(inlineBackends, framework) ? 'inline' : 'runner'),
    runner: new RunnerClient({ ...runners, loadTimeoutMs: config.INFERENCE_TIMEOUT_MS + 90_000 }),
    inline: new InlineEngine({
      backends: inlineBackends,
      inspect: inspectPackage,
      queueLimit: config.INFERENCE_QUEUE_LIMIT,
    }),
  }),
  versions: {
    product: versionOf(fileURLToPath(new URL('../../package.json', import.meta.url))),
    harper: packageVersion('harperdb'),
    onnxruntime: packageVersion('onnxruntime-node'),
  },
  announce: (change) => changes.postMessage(change),
  announceJob: (id) => jobNews.postMessage(id),
  modelsFolder: fileURLToPath(new URL('../../models', import.meta.url)),
  log,
  now: Date.now,
  elapsed: () => performance.now(),
  isStopping: () => stop.isStopping,
});
changes.onmessage = (event) => app.followChange((event as { data: ModelChange }).data);
changes.unref();
jobNews.onmessage = (event) => app.jobs.runner.heed((event as { data: string }).data);
jobNews.unref();

// Once per node.
let supervisor: RunnerSupervisor | undefined;
if (!http.workerIndex) {
  app.jobs.runner.start();
  const digestsInUse = async () => new Set((await app.registry.list()).map(({ digest }) => digest));
  void app.packages
    .sweep(digestsInUse)
    .catch((error) => log('warn', 'leftovers of an interrupted upload could not be removed', error));
  supervisor = new RunnerSupervisor({
    ...runners,
    entryPath: fileURLToPath(new URL('./inference/runner/main.js', import.meta.url)),
    settings: {
      memoryLimitBytes: config.MODEL_MEMORY_BUDGET,
      maxBytes: config.MODEL_MEMORY_BUDGET,
      maxModels: config.MODEL_CACHE_SIZE,
      queueLimit: config.INFERENCE_QUEUE_LIMIT,
      allowRemoteModels: config.ALLOW_REMOTE_MODELS,
    },
    onQuarantine: ({ digest, reason }) => log('error', `model ${digest} is quarantined: ${reason}`),
    onRestart: ({ runner, culprit, reason, lastWords }) =>
      log('warn', `runner ${runner} ended${culprit ? ` while it ran model ${culprit} (${reason})` : ''}`, lastWords),
  });
  void app.preload().catch((error) => log('warn', 'the models to preload could not be listed', error));
}

const front = new Front(app, new Router(routes), {
  rateLimit:
    config.RATE_LIMIT === undefined
      ? undefined
      : new RateLimit(config.RATE_LIMIT, sharedMemory('rate-limit', rateLimitBytes), monotonicMs),
  logins: new LoginGuard(sharedMemory('failed-logins', loginGuardBytes), monotonicMs),
  access: lines.writes('info') ? new AccessLog((fields) => lines.line('info', 'request', fields)) : undefined,
  isLeaving: () => stop.isLeaving,
});
http.http(front.outer, { runFirst: true });
const servers = http.http(front.inner);
refuseUpgrades(servers);

const notices = new BroadcastChannel(stopChannel);
const stop = new GracefulStop({
  thread: threadId,
  servers,
  post: (notice) => notices.postMessage(notice),
  close: () => app.close(),
  closeLast: async () => supervisor?.close(),
  onTrouble: (error) => log('error', 'the server could not stop as it should', error),
});
notices.onmessage = (event) => void stop.hear((event as { data: StopNotice }).data);
notices.unref();

function packageVersion(name: string): string {
  const main = createRequire(import.meta.url).resolve(name);
  const folder = main.slice(0, main.lastIndexOf(`${join('node_modules', name)}`) + join('node_modules', name).length);
  return versionOf(join(folder, 'package.json'));
}

function versionOf(packageJson: string): string {
  return JSON.parse(readFileSync(packageJson, 'utf8')).version;
}
