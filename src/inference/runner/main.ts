import { inspectPackage } from '../../registry/gate/inspect-package.ts';
import { boundTo, runnerBackends } from '../backends/in-runner.ts';
import { openTextEncoder } from '../text/text-encoder.ts';
import { type RunnerSettings, startRunner } from './start.ts';

// The entry point of a runner process.
const settings = JSON.parse(process.argv[2] ?? '{}') as RunnerSettings;
await startRunner(settings, {
  backends: boundTo(settings, runnerBackends),
  inspect: inspectPackage,
  openText: openTextEncoder,
});
