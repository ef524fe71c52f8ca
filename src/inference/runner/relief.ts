import type { Serves } from '../engine.ts';
import { type Fleet, type RunnerLink, STUCK_AFTER_MS } from './fleet.ts';

const ASK_AGAIN_AFTER_MS = 500;

/** Moves what waits behind another model's long run to a spare runner. */
export class Relief {
  readonly #askForSpare: (serves: Serves) => void;
  readonly #askedAt = new Map<Serves, number>();

  constructor(askForSpare: (serves: Serves) => void) {
    this.#askForSpare = askForSpare;
  }

  /** @param now  on the clock of `monotonicMs`. */
  relieve(fleet: Fleet, now: number): void {
    for (const link of fleet.links()) {
      if (link.address.spare) continue;
      link.look(now);
      if (link.stuckOn !== undefined) this.#help(link, fleet.find(link.address.serves, true), now);
    }
  }

  #help(link: RunnerLink, spare: RunnerLink | undefined, now: number): void {
    const others = [...link.calls.values()].filter(({ model }) => model.digest !== link.stuckOn);
    if (!spare) {
      if (others.some(({ waitingSince }) => now - waitingSince > STUCK_AFTER_MS)) this.#ask(link.address.serves, now);
      return;
    }
    for (const call of others) {
      link.withdraw(call);
      call.link = spare;
      spare.send(call, now);
    }
  }

  #ask(serves: Serves, now: number): void {
    if (now - (this.#askedAt.get(serves) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_AFTER_MS) return;
    this.#askedAt.set(serves, now);
    this.#askForSpare(serves);
  }
}
