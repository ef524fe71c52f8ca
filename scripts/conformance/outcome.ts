/** How one case went. */
export type Outcome = { readonly passed: true } | { readonly passed: false; readonly problem: string };

/** Calls `work` on every item, at most `concurrency` at once; the first error stops it. */
export async function forEachConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
