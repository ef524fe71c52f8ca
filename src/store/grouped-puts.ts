interface Waiting {
  readonly row: object;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupedPutsOptions {
  /** Commits rows together, or not at all. */
  readonly commit: (rows: readonly object[]) => Promise<unknown>;
  /** Most rows of one commit. */
  readonly most?: number;
}

/**
 * Puts that arrive while a commit is under way share the next one, which costs hardly more than one of a
 * single row. Each promise still resolves only when its own row is committed, and a lone put waits for nobody.
 * When a shared commit fails its rows are put one by one, so that a bad row fails alone.
 */
export class GroupedPuts {
  readonly #commit: GroupedPutsOptions['commit'];
  readonly #most: number;
  #waiting: Waiting[] = [];
  #isCommitting = false;

  constructor({ commit, most = 256 }: GroupedPutsOptions) {
    this.#commit = commit;
    this.#most = most;
  }

  put(row: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject });
      if (!this.#isCommitting) void this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#waiting.length > 0) await this.#commitGroup(this.#waiting.splice(0, this.#most));
    this.#isCommitting = false;
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#commit(group.map(({ row }) => row));
      for (const { resolve } of group) resolve();
    } catch (error) {
      if (group.length === 1) group[0]?.reject(error);
      else for (const one of group) await this.#commit([one.row]).then(one.resolve, one.reject);
    }
  }
}
