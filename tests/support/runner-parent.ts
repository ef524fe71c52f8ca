import { RunnerClient } from '../../src/inference/runner/client.ts';
import { RunnerSupervisor } from '../../src/inference/runner/supervisor.ts';

// A server to be killed: it starts runners, says who they are, and asks one for a model that never returns.
const { entryPath, directory, stateDirectory } = JSON.parse(process.argv[2] ?? '{}');

export function startServer(): void {
  new RunnerSupervisor({ entryPath, directory, stateDirectory });
  const client = new RunnerClient({ directory, stateDirectory });
  const digest = 'f'.repeat(64);
  const model = {
    digest,
    directory: '/',
    entry: 'hang',
    framework: 'onnx',
    serves: 'production',
    runTimeoutMs: 60_000,
  } as const;
  const x = { dtype: 'float32', shape: [1, 2], data: new Float32Array(2) } as const;
  client.predict(model, { kind: 'tensors', tensors: { x } }, { timeoutMs: 60_000 }).catch(() => {});
  const tell = setInterval(() => {
    if (!client.isReady('production') || !client.isReady('candidates')) return;
    clearInterval(tell);
    // By now the request has reached its runner and blocks it.
    setTimeout(
      () => process.stdout.write(JSON.stringify(client.runners().map(({ pid, markerPath }) => ({ pid, markerPath })))),
      200,
    );
  }, 10);
}
if (process.argv[3] === 'process') startServer();
