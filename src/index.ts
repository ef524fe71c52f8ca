import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { logger, server } from 'harperdb';
import { createApp, type ModelChange } from './app/create-app.ts';
import { readConfig } from './config.ts';
import { RunnerClient } from './inference/runner/client.ts';
import { defaultRuntimeDirectory } from './inference/runner/runtime-directory.ts';
import { RunnerSupervisor } from './inference/runner/supervisor.ts';
import { Front } from './resources/edge/front.ts';
import type { HarperServer } from './resources/edge/harper-http.ts';
import { refuseUpgrades } from './resources/edge/refuse-upgrade.ts';
import { Router } from './resources/edge/router.ts';
import { routes } from './resources/routes/index.ts';
import { harperStore } from './store/harper.ts';

// What Harper loads, once in every HTTP thread: it puts our routes in front of Harper's own.

const config = readConfig(process.env);
const http = server as unknown as HarperServer;
const runners = { directory: defaultRuntimeDirectory(), stateDirectory: join(config.AI_OPS_ROOT, 'quarantine') };

const log = (level: 'warn' | 'error', message: string, cause?: unknown) =>
  (logger as unknown as Record<string, ((...words: unknown[]) => void) | undefined>)[level]?.(
    `ai-ops: ${message}`,
    cause ?? '',
  );

const changes = new BroadcastChannel('ai-ops-models');
const app = createApp(config, {
  store: harperStore(),
  engine: new RunnerClient({ ...runners, loadTimeoutMs: config.INFERENCE_TIMEOUT_MS + 90_000 }),
  versions: {
    product: versionOf(fileURLToPath(new URL('../../package.json', import.meta.url))),
    harper: packageVersion('harperdb'),
    onnxruntime: packageVersion('onnxruntime-node'),
  },
  announce: (change) => changes.postMessage(change),
  log,
  now: Date.now,
  elapsed: () => performance.now(),
});
changes.onmessage = (event) => app.followChange((event as { data: ModelChange }).data);
changes.unref();

// Once per node.
if (!http.workerIndex) {
  const digestsInUse = async () => new Set((await app.registry.list()).map(({ digest }) => digest));
  void app.packages
    .sweep(digestsInUse)
    .catch((error) => log('warn', 'leftovers of an interrupted upload could not be removed', error));
  new RunnerSupervisor({
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
}

const front = new Front(app, new Router(routes));
http.http(front.outer, { runFirst: true });
refuseUpgrades(http.http(front.inner));

function packageVersion(name: string): string {
  const main = createRequire(import.meta.url).resolve(name);
  const folder = main.slice(0, main.lastIndexOf(`${join('node_modules', name)}`) + join('node_modules', name).length);
  return versionOf(join(folder, 'package.json'));
}

function versionOf(packageJson: string): string {
  return JSON.parse(readFileSync(packageJson, 'utf8')).version;
}
