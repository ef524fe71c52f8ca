import { describe, expect, it } from 'vitest';
import { behavingModel, numbersOf, row, startRunners, until } from '../../support/runner-fixture.ts';

describe('a spare runner', () => {
  it('comes when a model keeps the runner busy, serves the others, and goes when idle', async () => {
    const runners = await startRunners({ spareIdleMs: 1500 });
    try {
      const slow = behavingModel('slow:2500');
      const good = behavingModel('double');
      await Promise.all([slow, good].map((model) => runners.client.load(model)));
      const long = runners.client.predict(slow, row(1), { timeoutMs: 20_000 });
      const others = await Promise.all(
        [1, 2, 3].map((i) => runners.client.predict(good, row(i), { timeoutMs: 20_000 })),
      );
      expect(others.map((answer) => numbersOf(answer)[0])).toEqual([2, 4, 6]);
      expect(runners.pidOf('production-spare')).toBeGreaterThan(0);
      expect(numbersOf(await long)).toEqual([2, 2]);
      await until(() => runners.pidOf('production-spare') === 0);
      expect(numbersOf(await runners.client.predict(good, row(5), { timeoutMs: 20_000 }))).toEqual([10, 10]);
      expect((await runners.client.status()).runners.map(({ restarts }) => restarts)).toEqual([0, 0]);
    } finally {
      await runners.close();
    }
  }, 40_000);

  it('takes the second try of a model that crashed, so that its neighbours fall once and not twice', async () => {
    const died: string[] = [];
    const runners = await startRunners({ onRestart: ({ runner }) => died.push(runner) });
    try {
      const bad = behavingModel('abort');
      const error = await runners.client.predict(bad, row(1), { timeoutMs: 20_000 }).catch(({ code }) => code);
      expect(error).toBe('BACKEND_CRASHED');
      expect(died).toEqual(['production', 'production-spare']);
      const good = await runners.client.predict(behavingModel('double'), row(1), { timeoutMs: 20_000 });
      expect(numbersOf(good)).toEqual([2, 2]);
    } finally {
      await runners.close();
    }
  }, 40_000);
});
