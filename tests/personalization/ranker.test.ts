import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { rankProducts } from '../../src/personalization/ranker.ts';
import { VectorCache } from '../../src/personalization/vector-cache.ts';

/** An encoder that knows three words: each is one dimension. */
const words = ['run', 'tea', 'snow'];
const vectorOf = (text: string) => Float32Array.from(words, (word) => text.split(word).length - 1);
function encoder(id = 'words') {
  return { id, encode: vi.fn(async (texts: readonly string[]) => texts.map(vectorOf)) };
}

const products = [
  { id: 1, name: 'tea', price: 3 },
  { id: 2, name: 'run snow' },
  { id: 3, name: 'run' },
  { id: 4, name: 'nothing known' },
];

describe('ranking', () => {
  it('puts the likest first and gives the products back as sent', async () => {
    const ranked = await rankProducts(products, { activityType: 'run' }, encoder(), new VectorCache());
    expect(ranked.map(({ id }) => id)).toEqual([3, 2, 1, 4]);
    expect(ranked[0]).toEqual({ id: 3, name: 'run', personalizedScore: 1 });
    expect(ranked[1]?.personalizedScore).toBeCloseTo(Math.SQRT1_2, 7);
    expect(ranked[2]).toEqual({ id: 1, name: 'tea', price: 3, personalizedScore: 0 });
  });

  it('keeps the order of products that are equally like', async () => {
    const same = Array.from({ length: 20 }, (_, id) => ({ id, name: 'run' }));
    const ranked = await rankProducts(same, { activityType: 'run' }, encoder(), new VectorCache());
    expect(ranked.map(({ id }) => id)).toEqual(same.map(({ id }) => id));
  });

  it('of nothing is nothing', async () =>
    expect(await rankProducts([], { activityType: 'run' }, encoder(), new VectorCache())).toEqual([]));
});

describe('vectors', () => {
  const encoded = ({ encode }: ReturnType<typeof encoder>) => encode.mock.calls.flatMap(([texts]) => texts);

  it('of one text are made once, in one call, however often it comes', async () => {
    const cache = new VectorCache();
    const own = encoder();
    await rankProducts([...products, ...products], { activityType: 'run' }, own, cache);
    expect(own.encode).toHaveBeenCalledTimes(1);
    expect(encoded(own).toSorted()).toEqual(['nothing known', 'run', 'run snow', 'tea']);
    await rankProducts([...products, { name: 'snow tea' }], { activityType: 'tea' }, own, cache);
    expect(encoded(own).slice(4)).toEqual(['snow tea']);
    await rankProducts(products, { activityType: 'tea' }, own, cache);
    expect(own.encode).toHaveBeenCalledTimes(2);
  });

  it('of two encoders are kept apart', async () => {
    const cache = new VectorCache();
    const [a, b] = [encoder('a'), encoder('b')];
    for (const own of [a, b, a, b]) await rankProducts(products, {}, own, cache);
    expect([a.encode.mock.calls.length, b.encode.mock.calls.length]).toEqual([1, 1]);
  });

  it('are not remembered of an encoder that failed', async () => {
    const cache = new VectorCache();
    const failing = async () => {
      throw new Error('no runner');
    };
    await expect(cache.vectorsOf('a', ['x'], failing)).rejects.toThrow('no runner');
    expect(await cache.vectorsOf('a', ['x'], async () => [Float32Array.of(1)])).toEqual([Float32Array.of(1)]);
  });

  it('come in the order of the texts, known or not', async () => {
    const text = fc.stringMatching(/^[a-c]{0,2}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(text, { maxLength: 8 }), { maxLength: 5 }), async (requests) => {
        const cache = new VectorCache();
        const seen = new Set<string>();
        const code = (one: string) => Float32Array.of(Number.parseInt(`1${one}`, 16));
        for (const texts of requests) {
          const vectors = await cache.vectorsOf('a', texts, async (missing) => {
            for (const one of missing) expect(seen.has(one)).toBe(false);
            for (const one of missing) seen.add(one);
            return missing.map(code);
          });
          expect(vectors).toEqual(texts.map(code));
        }
      }),
    );
  });
});
