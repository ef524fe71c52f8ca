import { inspectPackage } from '../../registry/gate/inspect-package.ts';
import { backends } from '../backends/index.ts';
import { openTextEncoder } from '../text/text-encoder.ts';
import { type RunnerSettings, startRunner } from './start.ts';

// The entry point of a runner process.
await startRunner(JSON.parse(process.argv[2] ?? '{}') as RunnerSettings, {
  backends,
  inspect: inspectPackage,
  openText: openTextEncoder,
});
