/** A model that behaved for so long is trusted again. */
const PROBATION_MS = 10 * 60_000;

/**
 * Models, by digest, that lately brought a runner down. They run in the spare runner until they are trusted again:
 * their neighbours must not fall with them a second time.
 */
export class Suspects {
  /** When each was last accused, on the clock of `monotonicMs`; the earliest first. */
  readonly #accusedAt = new Map<string, number>();

  accuse(digest: string, now: number): void {
    this.acquit(digest);
    this.#accusedAt.set(digest, now);
    for (const [accused, at] of this.#accusedAt) {
      if (now - at <= PROBATION_MS) break;
      this.#accusedAt.delete(accused);
    }
  }

  acquit(digest: string): void {
    this.#accusedAt.delete(digest);
  }

  has(digest: string, now: number): boolean {
    const at = this.#accusedAt.get(digest);
    return at !== undefined && now - at <= PROBATION_MS;
  }
}
