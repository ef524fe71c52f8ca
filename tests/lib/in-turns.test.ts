import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inTurns } from '../../src/lib/in-turns.ts';

const later = () => new Promise((resolve) => setImmediate(resolve));

describe('many items in turns', () => {
  it('keep their order and never exceed the number at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        async (waits, atOnce) => {
          let under = 0;
          let most = 0;
          const results = await inTurns(waits, atOnce, async (turns, index) => {
            most = Math.max(most, ++under);
            for (let turn = 0; turn < turns; turn++) await later();
            under--;
            return index;
          });
          expect(results).toEqual(waits.map((_, index) => index));
          expect(most).toBe(Math.min(atOnce, waits.length));
        },
      ),
    );
  });

  it('stop at the first error, after the work under way has ended', async () => {
    const begun: number[] = [];
    let ended = 0;
    const work = inTurns([0, 1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      await later();
      ended++;
      if (item === 1) throw new Error('one');
    });
    await expect(work).rejects.toThrow('one');
    expect(begun).not.toContain(4);
    expect(ended).toBe(begun.length);
  });
});
