import { expect, it } from 'vitest';
import { sampleOf } from '../../../scripts/mutation/sample.ts';
import { scoreOf, survivorsOf } from '../../../scripts/mutation/score.ts';

const mutant = (status: string, line = 1) => ({
  mutatorName: 'BooleanLiteral',
  replacement: 'true',
  status,
  location: { start: { line } },
});
const report = {
  files: {
    'src/a/one.ts': {
      source: '',
      mutants: ['Killed', 'Killed', 'Timeout', 'Survived'].map((status) => mutant(status)),
    },
    'src/a/two.ts': { source: '', mutants: [mutant('NoCoverage', 9), mutant('Ignored'), mutant('RuntimeError')] },
    'src/ab/three.ts': { source: '', mutants: [mutant('Survived')] },
  },
};

it('counts what was found among what could have been found, in one folder', () => {
  expect(scoreOf(report, 'src/a')).toEqual({ killed: 2, timeout: 1, survived: 1, noCoverage: 1, percent: 60 });
  expect(scoreOf(report, 'src/none').percent).toBeNaN();
});

it('names what nobody noticed', () => {
  expect(survivorsOf(report)).toEqual([
    'src/a/one.ts:1 BooleanLiteral: true',
    'src/a/two.ts:9 never run, BooleanLiteral: true',
    'src/ab/three.ts:1 BooleanLiteral: true',
  ]);
});

it('takes the same lines for the same seed, about as many as asked for', () => {
  const none = new Set<string>();
  const lines = (share: number, seed: number) =>
    sampleOf('src/registry', share, seed, none).reduce((sum, range) => {
      const [from = 0, to = 0] = (range.split(':')[1] ?? '').split('-').map(Number);
      return sum + to - from + 1;
    }, 0);
  expect(sampleOf('src/registry', 0.2, 5, none)).toEqual(sampleOf('src/registry', 0.2, 5, none));
  expect(sampleOf('src/registry', 0.2, 5, none)).not.toEqual(sampleOf('src/registry', 0.2, 6, none));
  const all = lines(1, 1);
  expect(lines(0.3, 1) / all).toBeGreaterThan(0.2);
  expect(lines(0.3, 1) / all).toBeLessThan(0.4);
  const names = sampleOf('src/registry', 1, 1, new Set(['src/registry/names.ts']));
  expect(names.filter((range) => range.startsWith('src/registry/names.ts'))).toEqual([]);
});
