/** Numbers in `[0, 1)`, the same ones for the same seed. */
export type Random = () => number;

/**
 * The mulberry32 generator: 32 bits of state, enough to shuffle and to shift pictures, not for secrets.
 *
 * @param seed  any 32-bit integer.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** One of the items, each as likely as the others. @param items  at least one. */
export const drawn = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)] as T;
