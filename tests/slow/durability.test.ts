import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkDurability } from '../../scripts/durability/run.ts';

test('20 kills in the middle of work lose nothing that was acknowledged', { timeout: 900_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-durability-'));
  try {
    const report = await checkDurability({ root, rounds: 20, seed: 20, threads: 2 });
    expect(report.losses).toEqual([]);
    expect(report.refusals).toEqual({});
    // A check that saw nothing proves nothing.
    expect(report.acknowledged.predictions).toBeGreaterThan(500);
    expect(report.acknowledged.feedback).toBeGreaterThan(50);
    expect(report.acknowledged.uploads).toBeGreaterThan(50);
    const { predictions, feedback, uploads } = report.unacknowledged;
    expect(predictions + feedback + uploads).toBeGreaterThan(0);
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
});
