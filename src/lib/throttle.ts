const burst = 20;
const perSecond = 1;
const kindsKept = 500;

interface Kind {
  tokens: number;
  at: number;
  left: number;
}

/** Lets 20 of a kind pass, then one a second; what differs only by numbers and ids is of one kind. */
export class Throttle {
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();

  /** @param now  milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns how many of this kind were left out since the last one that passed; undefined to leave this one out. */
  pass(text: string): number | undefined {
    const now = this.#now();
    const kind = this.#kindOf(text, now);
    kind.tokens = Math.min(burst, kind.tokens + (Math.max(0, now - kind.at) / 1000) * perSecond);
    kind.at = now;
    if (kind.tokens < 1) {
      kind.left += 1;
      return undefined;
    }
    kind.tokens -= 1;
    const { left } = kind;
    kind.left = 0;
    return left;
  }

  #kindOf(text: string, now: number): Kind {
    const name = text.slice(0, 300).replace(/[0-9a-f-]{8,}|\d+/gi, '#');
    const known = this.#kinds.get(name);
    if (known) return known;
    // The first in the map is the oldest; a kind that is forgotten starts anew.
    if (this.#kinds.size >= kindsKept) this.#kinds.delete(this.#kinds.keys().next().value ?? '');
    const made = { tokens: burst, at: now, left: 0 };
    this.#kinds.set(name, made);
    return made;
  }
}
