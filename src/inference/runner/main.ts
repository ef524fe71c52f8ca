import { inspectPackage } from '../../registry/gate/inspect-package.ts';
import { backendsAt } from '../backends/index.ts';
import { openTextEncoder } from '../text/text-encoder.ts';
import { type RunnerSettings, startRunner } from './start.ts';

// The entry point of a runner process.
const settings = JSON.parse(process.argv[2] ?? '{}') as RunnerSettings;
await startRunner(settings, {
  backends: backendsAt('runner', settings),
  inspect: inspectPackage,
  openText: openTextEncoder,
});
