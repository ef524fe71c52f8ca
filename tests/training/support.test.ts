import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { zipFiles } from '../../training-scripts/support/archive.ts';
import { seededRandom, shuffled } from '../../training-scripts/support/random.ts';

describe('seededRandom', () => {
  it('gives the numbers of mulberry32', () => {
    // From the reference C code with state 0 and 42, divided by 2^32.
    expect(seededRandom(0)()).toBeCloseTo(0.26642920868471265, 12);
    const random = seededRandom(42);
    expect([random(), random(), random()]).toEqual([
      expect.closeTo(0.6011037519201636, 12),
      expect.closeTo(0.44829055899754167, 12),
      expect.closeTo(0.8524657934904099, 12),
    ]);
  });

  it('shuffles without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const result = shuffled(items, seededRandom(1));
    expect(result).not.toEqual(items);
    expect(result.toSorted((a, b) => a - b)).toEqual(items);
  });
});

describe('zipFiles', () => {
  const files = { 'b/two.txt': Buffer.from('two'), 'a.txt': Buffer.from('one') };

  it('gives the same bytes in any order of files and in any time zone', async () => {
    const before = process.env.TZ;
    const digest = async (contents: Record<string, Uint8Array>) =>
      createHash('sha256')
        .update(await zipFiles(contents))
        .digest('hex');
    const first = await digest(files);
    try {
      process.env.TZ = 'Asia/Tokyo';
      expect(await digest({ 'a.txt': files['a.txt'], 'b/two.txt': files['b/two.txt'] })).toBe(first);
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  it('holds the files', async () => {
    expect(await unzip(await zipFiles(files))).toEqual({ 'a.txt': 'one', 'b/two.txt': 'two' });
  });
});

async function unzip(bytes: Buffer): Promise<Record<string, string>> {
  const zip = await fromBufferPromise(bytes);
  const contents: Record<string, string> = {};
  for await (const entry of zip.eachEntry()) {
    contents[entry.fileName] = (await buffer(await zip.openReadStreamPromise(entry))).toString();
  }
  return contents;
}
