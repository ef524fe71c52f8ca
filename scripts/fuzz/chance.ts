import { randomNumbers } from '../durability/model-bytes.ts';

/** Dice that fall the same way for the same seed. */
export interface Chance {
  /** A whole number in [0, below). */
  below(below: number): number;
  /** One of the items, each as likely as the others; there must be one. */
  one<T>(items: readonly T[]): T;
  /** True with this probability. */
  happens(probability: number): boolean;
}

/** The dice of one request: they depend on the run's seed and the request's number, not on what came before. */
export function chanceOf(seed: number, index: number): Chance {
  const next = randomNumbers(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    one: <T>(items: readonly T[]) => items[below(items.length)] as T,
    happens: (probability) => next() < probability,
  };
}
