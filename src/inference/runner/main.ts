import { closeInheritedFiles } from './inherited-files.ts';
import { LEASH_FD } from './leash.ts';
import type { RunnerSettings } from './start.ts';

// The entry point of a runner process. The rest is imported later: what is imported may open files of its own, and
// closing one of those here would let its owner close whatever has the number by then.
closeInheritedFiles(LEASH_FD);
const [{ startRunner }, { boundTo, runnerBackends }, { inspectPackage }, { openTextEncoder }] = await Promise.all([
  import('./start.ts'),
  import('../backends/in-runner.ts'),
  import('../../registry/gate/inspect-package.ts'),
  import('../text/text-encoder.ts'),
]);
const settings = JSON.parse(process.argv[2] ?? '{}') as RunnerSettings;
await startRunner(settings, {
  backends: boundTo(settings, runnerBackends),
  inspect: inspectPackage,
  openText: openTextEncoder,
});
