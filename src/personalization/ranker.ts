import { cosine } from '../lib/cosine.ts';
import { type Product, productText, queryText, type UserContext } from './texts.ts';
import type { VectorCache } from './vector-cache.ts';

/** Any text encoder; the ranker does not know its framework. */
export interface Encoder {
  /** Two encoders with one id answer alike. */
  readonly id: string;
  encode(texts: readonly string[]): Promise<readonly Float32Array[]>;
}

export type RankedProduct = Product & { readonly personalizedScore: number };

/** The products as sent, each with the cosine similarity of its text to the user's context, best first. */
export async function rankProducts(
  products: readonly Product[],
  context: UserContext,
  encoder: Encoder,
  cache: VectorCache,
): Promise<RankedProduct[]> {
  const texts = [queryText(context), ...products.map(productText)];
  const [query, ...vectors] = await cache.vectorsOf(encoder.id, texts, (missing) => encoder.encode(missing));
  const scored = products.map((product, index) => ({
    ...product,
    personalizedScore: cosine(query as Float32Array, vectors[index] as Float32Array),
  }));
  return scored.sort((a, b) => b.personalizedScore - a.personalizedScore);
}
