import { describe, expect, it } from 'vitest';
import type { Call } from '../../../src/inference/runner/call.ts';
import type { Fleet, RunnerLink } from '../../../src/inference/runner/fleet.ts';
import { Relief } from '../../../src/inference/runner/relief.ts';
import { Suspects } from '../../../src/inference/runner/suspects.ts';

interface Runner {
  readonly spare?: boolean;
  readonly stuckOn?: string;
  /** Digest of each waiting call, and since when. */
  readonly calls?: readonly (readonly [string, number])[];
}

/** A fleet of runners that are busy as the test says. */
function fleetOf(...runners: readonly Runner[]) {
  const links = runners.map(({ spare = false, stuckOn, calls = [] }) => {
    const waiting = new Map(
      calls.map(([digest, waitingSince], id) => [id, { id, model: { digest }, waitingSince } as unknown as Call]),
    );
    return {
      address: { serves: 'production', spare },
      stuckOn,
      calls: waiting,
      look: () => {},
      withdraw: ({ id }: Call) => void waiting.delete(id),
      send: (call: Call) => void waiting.set(100 + call.id, call),
    } as unknown as RunnerLink;
  });
  const fleet = {
    links: () => links.values(),
    find: (_serves: string, spare: boolean) => links.find(({ address }) => address.spare === spare),
  } as unknown as Fleet;
  const waitingAt = () => links.map(({ calls }) => [...calls.values()].map(({ model }) => model.digest));
  return { fleet, links, waitingAt };
}

describe('who waits behind the long run of another model', () => {
  it('moves to the spare runner, and back from there', () => {
    for (const spare of [false, true]) {
      const asked: unknown[] = [];
      const { fleet, links, waitingAt } = fleetOf(
        {
          spare,
          stuckOn: 'slow',
          calls: [
            ['slow', 0],
            ['a', 0],
            ['b', 990],
          ],
        },
        { spare: !spare },
      );
      new Relief((serves) => asked.push(serves)).relieve(fleet, 1000);
      expect(waitingAt()).toEqual([['slow'], ['a', 'b']]);
      expect([...(links[1]?.calls.values() ?? [])].every(({ link }) => link === links[1])).toBe(true);
      expect(asked).toEqual([]);
    }
  });

  it('stays where it is while the other runner is stuck too, or nothing is', () => {
    const calls = [
      ['slow', 0],
      ['a', 0],
    ] as const;
    for (const [one, other] of [
      [
        { stuckOn: 'slow', calls },
        { spare: true, stuckOn: 'slower' },
      ],
      [{ calls }, { spare: true }],
    ] as const) {
      const { fleet, waitingAt } = fleetOf(one, other);
      new Relief(() => {}).relieve(fleet, 1000);
      expect(waitingAt()).toEqual([['slow', 'a'], []]);
    }
  });

  it('asks for a spare where there is none, again after half a second', () => {
    const asked: unknown[] = [];
    const relief = new Relief((serves) => asked.push(serves));
    const { fleet } = fleetOf({
      stuckOn: 'slow',
      calls: [
        ['slow', 0],
        ['a', 0],
      ],
    });
    for (const now of [1000, 1400, 1499]) relief.relieve(fleet, now);
    expect(asked).toEqual(['production']);
    relief.relieve(fleet, 1500);
    expect(asked).toEqual(['production', 'production']);
  });

  it.each<[string, Runner]>([
    ['nobody else waits', { stuckOn: 'slow', calls: [['slow', 0]] }],
    [
      'others have not waited for long',
      {
        stuckOn: 'slow',
        calls: [
          ['slow', 0],
          ['a', 850],
        ],
      },
    ],
    [
      'the spare is all there is, since a main runner is on its way',
      { spare: true, stuckOn: 'slow', calls: [['a', 0]] },
    ],
  ])('asks for none when %s', (_name, runner) => {
    const asked: unknown[] = [];
    new Relief((serves) => asked.push(serves)).relieve(fleetOf(runner).fleet, 1000);
    expect(asked).toEqual([]);
  });
});

describe('a model that brought a runner down', () => {
  const tenMinutes = 600_000;

  it('is suspect for ten minutes, from its last time', () => {
    const suspects = new Suspects();
    expect(suspects.has('a', 0)).toBe(false);
    suspects.accuse('a', 0);
    expect([suspects.has('a', tenMinutes), suspects.has('a', tenMinutes + 1)]).toEqual([true, false]);
    suspects.accuse('a', 500);
    expect(suspects.has('a', tenMinutes + 500)).toBe(true);
    suspects.acquit('a');
    expect(suspects.has('a', 500)).toBe(false);
  });

  it('leaves the others alone', () => {
    const suspects = new Suspects();
    suspects.accuse('a', 0);
    suspects.accuse('b', 1000);
    suspects.accuse('c', tenMinutes + 1);
    expect(['a', 'b', 'c', 'd'].map((digest) => suspects.has(digest, tenMinutes + 1))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
