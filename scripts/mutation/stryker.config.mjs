// Plain JavaScript, because Stryker reads it, in a sandbox of its own.
/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'scripts/mutation/vitest.config.ts' },
  coverageAnalysis: 'perTest',
  // A mutant of what runs once, when a file is loaded, needs all tests anew; there are hundreds in lists of names.
  ignoreStatic: true,
  mutate: [
    'src/registry/**/*.ts',
    'src/inference/**/*.ts',
    'src/monitoring/**/*.ts',
    // These run in a runner process or in its watchdog thread, compiled, where a mutant of the source never arrives:
    ...['main', 'start', 'server', 'run-guard', 'run-clock', 'watchdog'].map(
      (name) => `!src/inference/runner/${name}.ts`,
    ),
  ],
  reporters: ['json', 'clear-text', 'progress-append-only'],
  clearTextReporter: { logTests: false, reportTests: false, reportMutants: false, allowColor: false },
  jsonReporter: { fileName: 'dist/mutation/mutation.json' },
  incrementalFile: 'dist/mutation/incremental.json',
  tempDirName: 'dist/mutation/sandbox',
  ignorePatterns: ['.harper', 'coverage', 'dist/mutation', 'docs', 'postman'],
  timeoutMS: 15_000,
  timeoutFactor: 1.5,
  disableTypeChecks: false,
  allowEmpty: true,
};
