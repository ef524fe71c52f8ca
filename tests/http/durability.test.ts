import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkDurability } from '../../scripts/durability/run.ts';

test('3 kills in the middle of work lose nothing that was acknowledged', { timeout: 240_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-durability-'));
  try {
    const report = await checkDurability({ root, rounds: 3, seed: 7 });
    expect(report.losses).toEqual([]);
    expect(report.refusals).toEqual({});
    // A check that saw nothing proves nothing.
    expect(report.acknowledged.predictions).toBeGreaterThan(30);
    expect(report.acknowledged.feedback).toBeGreaterThan(3);
    expect(report.acknowledged.uploads).toBeGreaterThan(3);
    const { predictions, feedback, uploads } = report.unacknowledged;
    expect(predictions + feedback + uploads).toBeGreaterThan(0);
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
});
