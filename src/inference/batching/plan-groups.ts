/** One text, as far as grouping cares. */
interface Measured {
  /** Tokens. */
  readonly length: number;
}

export interface GroupLimits {
  /** Most texts in a group. */
  readonly maxUnits: number;
  /** Most tokens of a group after padding, texts × the longest; a single text may exceed it. */
  readonly maxTokens: number;
}

/**
 * Below this a text stands alone. An int8 model scales its numbers by the whole batch, and next to others a text
 * of two or three tokens came out at cosine 0.95 of its own vector; from here on it is 0.97 and mostly better.
 */
const shortestInCompany = 4;

/**
 * The runs of one request's texts: neighbours in length together, so that little is padded.
 *
 * @returns groups that hold every unit once; the same units in the same order give the same groups.
 */
export function planGroups<U extends Measured>(units: readonly U[], { maxUnits, maxTokens }: GroupLimits): U[][] {
  const groups: U[][] = [];
  let group: U[] = [];
  for (const unit of [...units].sort((a, b) => a.length - b.length)) {
    const isFull = group.length >= maxUnits || (group.length + 1) * unit.length > maxTokens;
    const wantsCompany = (group[0]?.length ?? 0) >= shortestInCompany;
    if (group.length > 0 && (isFull || !wantsCompany)) {
      groups.push(group);
      group = [];
    }
    group.push(unit);
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
