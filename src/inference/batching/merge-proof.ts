import { LRUCache } from 'lru-cache';

/** Trials that must agree before requests of a model are merged without a second look. */
const TRIALS = 3;
/** Verdicts are a few bytes each; a node does not see more models than this between restarts. */
const REMEMBERED = 10_000;

/**
 * Remembers, by digest, whether joining requests along axis 0 gives each the answer it would have got alone.
 * A free leading dimension does not promise that: a model may average over it. One disagreement forbids for ever.
 */
export class MergeProofs {
  readonly #agreed = new LRUCache<string, number>({ max: REMEMBERED });

  verdict(digest: string): 'allowed' | 'forbidden' | 'unproven' {
    const agreed = this.#agreed.get(digest) ?? 0;
    if (agreed < 0) return 'forbidden';
    return agreed >= TRIALS ? 'allowed' : 'unproven';
  }

  record(digest: string, agrees: boolean): void {
    const agreed = this.#agreed.get(digest) ?? 0;
    if (agreed < 0) return;
    this.#agreed.set(digest, agrees ? agreed + 1 : -1);
  }
}
