import { writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { LocalEngine, type LocalEngineOptions } from '../local-engine.ts';
import { LEASH_FD } from './leash.ts';
import { RunGuard } from './run-guard.ts';
import { RunnerSession } from './server.ts';

/** What a supervisor tells a runner, as JSON in its one argument. */
export interface RunnerSettings {
  readonly socketPath: string;
  readonly markerPath: string;
  readonly memoryLimitBytes: number;
  readonly loadTimeoutMs: number;
  readonly maxModels: number;
  readonly maxBytes: number;
  readonly queueLimit: number;
  /** Whether a framework may ask its public hub for what a package lacks. */
  readonly allowRemoteModels: boolean;
}

/** Starts a runner in this process. It ends when its parent does. */
export async function startRunner(
  settings: RunnerSettings,
  parts: Pick<LocalEngineOptions, 'backends' | 'inspect' | 'openText'>,
): Promise<void> {
  const { socketPath, markerPath, memoryLimitBytes, allowRemoteModels: _, ...limits } = settings;
  const watch = await RunGuard.start({ markerPath, memoryLimitBytes, leashFd: LEASH_FD });
  const onDisposeError = (error: unknown) => console.error('runner: a model could not be disposed', error);
  const engine = new LocalEngine({ ...parts, ...limits, watch, onDisposeError });
  const server = createServer((socket) => new RunnerSession(engine, socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  writeSync(LEASH_FD, 'ready');
}
