import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { imageSize } from '../../../../src/inference/backends/transformers/image-size.ts';
import { decodeImage, readImage } from '../../../../src/inference/backends/transformers/images.ts';
import { startTransformers, type Transformers } from '../../../../src/inference/backends/transformers/library.ts';
import { png } from '../../../support/tiny-hub.ts';

/** What the library writes images with. */
interface Sharp {
  jpeg(): Sharp;
  webp(options?: { lossless: boolean }): Sharp;
  gif(): Sharp;
  png(): Sharp;
  toBuffer(): Promise<Buffer>;
}

let library: Transformers;
beforeAll(async () => {
  library = await startTransformers(false);
});

const decode = (blob: Blob) => library.RawImage.fromBlob(blob);

describe('the size of an image, by its header', () => {
  it.each(['png', 'jpeg', 'webp', 'gif', 'lossless webp', 'transparent webp'])('%s', async (format) => {
    for (const [width, height] of [
      [1, 1],
      [37, 5],
      [640, 300],
    ] as const) {
      const channels = format.startsWith('transparent') ? 4 : 3;
      const pixels = new Uint8ClampedArray(width * height * channels).map((_, at) => at * 7);
      const image = new library.RawImage(pixels, width, height, channels).toSharp() as unknown as Sharp;
      const name = format.split(' ').at(-1) as 'png' | 'jpeg' | 'webp' | 'gif';
      const bytes = await (format.startsWith('lossless') ? image.webp({ lossless: true }) : image[name]()).toBuffer();
      expect(imageSize(bytes)).toEqual({ width, height });
      // The library sees the same, so nothing larger than announced is ever decoded.
      const read = readImage(bytes.toString('base64'), 'features.image');
      expect(await decodeImage(read, decode)).toMatchObject({ width, height });
    }
  });

  const digits = path.resolve(import.meta.dirname, '../../../../../shared/models/mnist');
  it.skipIf(!existsSync(digits))('of photographs', () => {
    for (const digit of ['0', '3', '5', '7']) {
      const size = imageSize(readFileSync(path.join(digits, `${digit}.jpg`)));
      expect(size?.width).toBeGreaterThan(0);
      expect(size?.height).toBeGreaterThan(0);
    }
  });

  it('is unknown for anything else, and reading it never fails', () => {
    const marks = ['\x89PNG\r\n\x1a\n', 'GIF89a', '\xff\xd8\xff', 'RIFF\0\0\0\0WEBPVP8 ', ''].map((mark) =>
      Buffer.from(mark, 'latin1'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...marks), fc.uint8Array({ maxLength: 64 }), (mark, rest) => {
        const size = imageSize(Buffer.concat([mark, rest]));
        if (size) expect(Number.isInteger(size.width) && Number.isInteger(size.height)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    for (const text of ['', 'BM', '<svg/>', '%PDF-1.4', 'II*\0']) expect(imageSize(Buffer.from(text))).toBeUndefined();
  });
});

it('an image that breaks off is the caller’s mistake', async () => {
  const whole = png(64, 64, [1, 2, 3]);
  const read = readImage(whole.subarray(0, 60).toString('base64'), 'features.images[2]');
  await expect(decodeImage(read, decode)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    violations: [{ path: 'features.images[2]' }],
  });
});
