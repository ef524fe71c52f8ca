import { expect, it } from 'vitest';
import { runDirect } from '../../../scripts/conformance/direct.ts';

it('counts a child that dies as one failed case and goes on with a fresh child', async () => {
  const folders = ['passes', 'dies', 'fails', 'dies', 'passes'];
  const cases = folders.map((folder, index) => ({
    name: `case-${index}`,
    folder,
    inputs: [],
    outputs: [],
    skipReason: undefined,
  }));
  const outcomes = await runDirect(cases, 1, new URL('./fixtures/mortal-child.mjs', import.meta.url));
  expect([...outcomes.values()]).toEqual([
    { passed: true },
    { passed: false, problem: 'the process ended (SIGKILL)' },
    { passed: false, problem: 'no' },
    { passed: false, problem: 'the process ended (SIGKILL)' },
    { passed: true },
  ]);
});
