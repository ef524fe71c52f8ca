import { describe, expect, it } from 'vitest';
import { productText, queryText } from '../../src/personalization/texts.ts';

describe('what a user looks for', () => {
  it.each([
    [
      { activityType: 'trail-running', experienceLevel: 'advanced', season: 'spring' },
      'trail running for advanced level in spring',
    ],
    [{ season: 'spring', activityType: 'trail-running' }, 'trail running in spring'],
    [{ location: 'Alps' }, 'at Alps'],
    [{ shoeSize: 42, waterproof: true }, 'shoe size 42 waterproof true'],
    [{ tags: ['light_weight', 'red'], activityType: 'hike' }, 'hike tags light weight, red'],
    [{ season: '', activityType: '  ', note: null, other: {}, more: [] }, ''],
    [{}, ''],
  ])('%j is "%s"', (context, text) => expect(queryText(context)).toBe(text));

  it.each(['constructor', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf', 'isPrototypeOf'])(
    'a field may be called %s',
    (field) => expect(queryText({ [field]: 'red' })).toMatch(/ red$/),
  );

  it('a field may be called __proto__', () =>
    expect(queryText(JSON.parse('{"__proto__":"red"}'))).toBe('__proto__ red'));
});

describe('what a product is', () => {
  it.each([
    [
      { id: 7, name: 'Trail-Runner', description: 'light shoe', category: 'shoes', price: 99, image: 'a.png' },
      'Trail Runner. shoes. light shoe',
    ],
    [{ name: 'Chai', tags: ['tea', ['green', 'loose']], brand: 'X' }, 'Chai. X. tea, green, loose'],
    [{ name: 3, category: null, description: {} }, '3'],
    [{ id: 1 }, ''],
  ])('%j is "%s"', (product, text) => expect(productText(product)).toBe(text));
});
