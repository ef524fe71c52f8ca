import { defineConfig } from 'vitest/config';

/** The tests that can see a mutant: those that load the mutated folders into their own process. */
export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    include: ['tests/{registry,inference,monitoring,contracts,app,deployment,personalization,lib}/**/*.test.ts'],
  },
});
