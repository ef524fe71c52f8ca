import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { partOf } from '../../src/lib/part-of.ts';

const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
const inPieces = (size: number) =>
  Readable.from(Array.from({ length: Math.ceil(100 / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size)));

describe('a part of a stream', () => {
  it.each([
    [0, 100],
    [0, 1],
    [99, 100],
    [6, 7],
    [7, 14],
    [13, 60],
    [50, 50],
  ])('from %i to %i is those bytes, however they come', async (start, end) => {
    for (const size of [1, 7, 100])
      expect(await buffer(partOf(inPieces(size), start, end))).toEqual(bytes.subarray(start, end));
  });

  it('closes its source once it has all', async () => {
    const endless = new Readable({
      read() {
        this.push(bytes);
      },
    });
    expect(await buffer(partOf(endless, 150, 250))).toEqual(Buffer.concat([bytes.subarray(50), bytes.subarray(0, 50)]));
    expect(endless.destroyed).toBe(true);
  });

  it('fails as its source does', async () => {
    const source = new PassThrough();
    const reading = buffer(partOf(source, 0, 10));
    source.destroy(new Error('cable pulled'));
    await expect(reading).rejects.toThrow('cable pulled');
  });
});
