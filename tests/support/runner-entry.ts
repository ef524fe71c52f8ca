import { type RunnerSettings, startRunner } from '../../src/inference/runner/start.ts';
import { BehavingBackend } from './runner-backend.ts';

// A runner as `src/inference/runner/main.ts` starts it, with a backend that misbehaves on demand.
await startRunner(JSON.parse(process.argv[2] ?? '{}') as RunnerSettings, {
  backends: { onnx: () => new BehavingBackend() },
  inspect: async () => ({ inputs: [] }),
  openText: async () => undefined,
});
