import { defineConfig } from 'vitest/config';

/** Folders of `src` that are mutated in this run; `scripts/test-mutation.ts` says which. */
const mutated = (process.env.MUTATED_FOLDERS ?? 'registry,inference,monitoring').split(',');

/** The tests that load the mutated folders into their own process, and so can see a mutant. */
export default defineConfig({
  test: {
    // Every expression asks first whether its mutant is on.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    setupFiles: mutated.includes('inference') ? ['scripts/mutation/load-first.ts'] : [],
    include: [
      ...mutated.map((folder) => `tests/${folder}/**/*.test.ts`),
      'tests/{app,contracts,deployment}/**/*.test.ts',
    ],
    exclude: [
      // They measure memory, sockets or time of a whole process, which Stryker's own share disturbs.
      'tests/inference/backends/{ollama/faults,transformers/process}.test.ts',
      'tests/inference/local-engine/cold-storm.test.ts',
      'tests/registry/fetch/fetch-job.test.ts',
      // They start processes of compiled sources, where there are no mutants, or wait for seconds until one is dead.
      'tests/inference/runner/{onnx,transformers,leash,failures,spare}.test.ts',
    ],
  },
});
