/**
 * Where a walk stands, kept as steps and only written out when something is wrong: a model may have
 * 100,000 nodes, and a string for each would cost more than the walk.
 */
export class Trail {
  readonly #steps: (string | number)[] = [];

  /** @param index  position in a list; -1 for a single value. */
  enter(name: string, index = -1): void {
    this.#steps.push(name, index);
  }

  leave(): void {
    this.#steps.length -= 2;
  }

  /** Such as `graph.node[2].attribute[0].t`; empty at the top. */
  toString(): string {
    let text = '';
    for (let at = 0; at < this.#steps.length; at += 2) {
      const index = this.#steps[at + 1] as number;
      text += `${at > 0 ? '.' : ''}${this.#steps[at]}${index >= 0 ? `[${index}]` : ''}`;
    }
    return text;
  }
}
