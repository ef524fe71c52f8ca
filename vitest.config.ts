import { defineConfig } from 'vitest/config';

// `npm test` builds first: tests that start a runner or a Harper start the compiled files.
export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 120_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
      thresholds: { branches: 85 },
    },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['tests/**/*.test.ts'], exclude: ['tests/http/**', 'tests/slow/**'] },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['tests/http/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'slow', include: ['tests/slow/**/*.test.ts'], fileParallelism: false, testTimeout: 900_000 },
      },
    ],
  },
});
