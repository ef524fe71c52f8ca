import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from '../../src/lib/slots.ts';

const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Slots', () => {
  it('lets in as many as there are places, then one for each who leaves, in order', async () => {
    const slots = new Slots(2);
    const inside: number[] = [];
    const leave: (() => void)[] = [];
    for (const id of [0, 1, 2, 3]) {
      void slots.take(never).then((release) => {
        inside.push(id);
        leave[id] = release;
      });
    }
    await turn();
    expect(inside).toEqual([0, 1]);
    leave[1]?.();
    leave[1]?.();
    await turn();
    expect(inside).toEqual([0, 1, 2]);
  });

  it('refuses who comes or waits with an aborted signal, and lets those behind go on', async () => {
    const slots = new Slots(1);
    const release = await slots.take(never);
    const controller = new AbortController();
    const left = slots.take(controller.signal);
    const next = slots.take(never);
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    release();
    (await next)();
    await expect(slots.take(controller.signal)).rejects.toThrow('gone');
    await slots.take(never);
  });

  it('loses no place, whoever leaves when', async () => {
    const guests = fc.array(fc.record({ stays: fc.nat(5), leavesAt: fc.option(fc.nat(8)) }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), guests, async (size, plan) => {
        const slots = new Slots(size);
        let inside = 0;
        let most = 0;
        const wait = async (turns: number) => {
          for (let i = 0; i < turns; i++) await turn();
        };
        const visit = async ({ stays, leavesAt }: { stays: number; leavesAt: number | null }) => {
          const controller = new AbortController();
          if (leavesAt !== null) void wait(leavesAt).then(() => controller.abort(new Error('gone')));
          const release = await slots.take(controller.signal).catch(() => undefined);
          if (!release) return;
          most = Math.max(most, ++inside);
          await wait(stays);
          inside--;
          release();
        };
        await Promise.all(plan.map(visit));
        expect(most).toBeLessThanOrEqual(size);
        await Promise.all(Array.from({ length: size }, () => slots.take(never)));
      }),
      { numRuns: 60 },
    );
  });
});
