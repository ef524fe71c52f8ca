import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineInput, EngineModel, EngineResult } from '../../src/inference/engine.ts';
import { RunnerClient, type RunnerClientOptions } from '../../src/inference/runner/client.ts';
import { RunnerSupervisor, type SupervisorOptions } from '../../src/inference/runner/supervisor.ts';
import type { Tensor } from '../../src/lib/tensor.ts';
import { buildSupport } from './runner-build.ts';

/** A model of the `BehavingBackend`. Another `name` makes another digest. */
export function behavingModel(entry: string, more: Partial<EngineModel> & { name?: string } = {}): EngineModel {
  const { name = '', ...fields } = more;
  const digest = createHash('sha256').update(`${entry} ${name}`).digest('hex');
  return {
    framework: 'onnx',
    serves: 'production',
    runTimeoutMs: 30_000,
    directory: '/nowhere',
    entry,
    digest,
    ...fields,
  };
}

/** One row `[a, b]` for a `BehavingBackend` model. */
export const row = (a: number, b = a): EngineInput => ({
  kind: 'tensors',
  tensors: { x: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(a, b) } },
});

export const numbersOf = ({ outputs }: EngineResult): number[] => [...((outputs.y as Tensor).data as Float32Array)];

export interface RunnerFixture {
  readonly supervisor: RunnerSupervisor;
  readonly client: RunnerClient;
  readonly directory: string;
  readonly stateDirectory: string;
  newClient(options?: Partial<RunnerClientOptions>): RunnerClient;
  newSupervisor(): RunnerSupervisor;
  /** Process id of a runner by its id; 0 while it is not up. */
  pidOf(id: string): number;
  close(): Promise<void>;
}

/** A supervisor with real runner processes and a client, in folders of their own. */
export async function startRunners(
  options: Partial<SupervisorOptions> = {},
  clientOptions: Partial<RunnerClientOptions> = {},
): Promise<RunnerFixture> {
  const root = mkdtempSync(join(tmpdir(), 'ao-'));
  const directory = join(root, 'r');
  const stateDirectory = join(root, 'state');
  const entryPath = options.entryPath ?? buildSupport('runner-entry.ts', 'runner-backend.ts');
  const clients: RunnerClient[] = [];
  const newClient = (more: Partial<RunnerClientOptions> = {}) => {
    const client = new RunnerClient({ directory, stateDirectory, ...more });
    clients.push(client);
    return client;
  };
  const newSupervisor = () => new RunnerSupervisor({ directory, stateDirectory, ...options, entryPath });
  const supervisor = newSupervisor();
  const client = newClient(clientOptions);
  await until(() => client.isReady('production') && client.isReady('candidates'));
  return {
    supervisor,
    client,
    directory,
    stateDirectory,
    newClient,
    newSupervisor,
    pidOf: (id) => client.runners().find((runner) => runner.id === id)?.pid ?? 0,
    close: async () => {
      await Promise.all(clients.map((one) => one.close()));
      await supervisor.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Waits until something holds, looking every few milliseconds. */
export async function until(holds: () => boolean, timeoutMs = 15_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`Expected within ${timeoutMs} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether a process still runs; one that is dead but not yet collected by its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
