/** One text of a request, ready for the model. */
export interface PoolUnit {
  /** Tokens. */
  readonly length: number;
}

/**
 * Waiting units by length, so that a group of similar length is found without sorting what waits.
 * Within one length the order is that of arrival.
 */
export class UnitPool<U extends PoolUnit> {
  readonly #byLength: Set<U>[] = [];

  add(unit: U): void {
    const sameLength = this.#byLength[unit.length] ?? new Set();
    this.#byLength[unit.length] = sameLength.add(unit);
  }

  delete(unit: U): void {
    this.#byLength[unit.length]?.delete(unit);
  }

  /**
   * Takes `seed` and its neighbours in length: first equally long, then shorter and longer ones in turn.
   *
   * @param seed       must be in the pool.
   * @param maxUnits   most units in the group.
   * @param maxTokens  most tokens after padding, units × the longest; the seed alone may exceed it.
   * @returns          the group in order of length.
   */
  takeAround(seed: U, maxUnits: number, maxTokens: number): U[] {
    const group = [seed];
    this.delete(seed);
    let longest = seed.length;
    const takeFrom = (length: number) => {
      for (const unit of this.#byLength[length] ?? []) {
        const padded = Math.max(longest, unit.length) * (group.length + 1);
        if (group.length >= maxUnits || padded > maxTokens) return;
        longest = Math.max(longest, unit.length);
        group.push(unit);
        this.delete(unit);
      }
    };
    takeFrom(seed.length);
    const reach = reachOf(seed.length);
    for (let distance = 1; distance <= reach && group.length < maxUnits; distance++) {
      takeFrom(seed.length - distance);
      takeFrom(seed.length + distance);
    }
    return group.sort((a, b) => a.length - b.length);
  }
}

/** How much longer or shorter a neighbour may be: the longer the texts, the more padding costs. */
const reachOf = (length: number): number => Math.max(2, Math.floor(length / 4));
