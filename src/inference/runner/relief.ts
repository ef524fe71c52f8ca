import type { Serves } from '../engine.ts';
import { type Fleet, type RunnerLink, STUCK_AFTER_MS } from './fleet.ts';

const ASK_AGAIN_AFTER_MS = 500;

/** Moves what waits behind another model's long run to the other runner of its kind: the spare, or from there back. */
export class Relief {
  readonly #askForSpare: (serves: Serves) => void;
  readonly #askedAt = new Map<Serves, number>();

  constructor(askForSpare: (serves: Serves) => void) {
    this.#askForSpare = askForSpare;
  }

  /** @param now  on the clock of `monotonicMs`. */
  relieve(fleet: Fleet, now: number): void {
    for (const link of fleet.links()) {
      link.look(now);
      const { serves, spare } = link.address;
      if (link.stuckOn !== undefined) this.#help(link, fleet.find(serves, !spare), now);
    }
  }

  #help(link: RunnerLink, other: RunnerLink | undefined, now: number): void {
    const others = [...link.calls.values()].filter(({ model }) => model.digest !== link.stuckOn);
    if (!other) {
      // Without a main runner one is on its way already.
      if (link.address.spare) return;
      if (others.some(({ waitingSince }) => now - waitingSince > STUCK_AFTER_MS)) this.#ask(link.address.serves, now);
      return;
    }
    if (other.stuckOn !== undefined) return;
    for (const call of others) {
      link.withdraw(call);
      call.link = other;
      other.send(call, now);
    }
  }

  #ask(serves: Serves, now: number): void {
    if (now - (this.#askedAt.get(serves) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_AFTER_MS) return;
    this.#askedAt.set(serves, now);
    this.#askForSpare(serves);
  }
}
