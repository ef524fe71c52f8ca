import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { imageSize } from '../../../../src/inference/backends/transformers/image-size.ts';
import { decodeImage, readImage } from '../../../../src/inference/backends/transformers/images.ts';
import { startTransformers, type Transformers } from '../../../../src/inference/backends/transformers/library.ts';
import { refusal } from '../../../support/codes.ts';
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

describe('an image of a request', () => {
  const whole = png(2, 3, [1, 2, 3]);
  const base64 = whole.toString('base64');
  const sized = (width: number, height: number): string => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    return bytes.toString('base64');
  };

  it.each([
    ['base64', base64],
    ['base64 with line ends', base64.replace(/.{20}/g, '$&\r\n')],
    ['base64 that ends in a line end', `${base64}\n`],
    ['a data: URL', `data:image/png;base64,${base64}`],
    ['one that is written otherwise', `DATA:image/x-icon;BASE64,${base64}`],
  ])('may be %s', (_name, value) => {
    expect(readImage(value, 'features.image')).toEqual({ bytes: whole, path: 'features.image' });
  });

  it.each<[string, unknown, string]>([
    ['no text', 7, 'base64 or as a data: URL'],
    ['nothing', '', 'never an address or a path'],
    ['an address', 'https://example.com/a.png', 'never an address or a path'],
    ['a data: URL of another kind', `data:text/plain;base64,${base64}`, 'never an address or a path'],
    ['a data: URL behind something', `x data:image/png;base64,${base64}`, 'never an address or a path'],
    ['base64 with a rest', `${base64}=== and more`, 'never an address or a path'],
    ['bytes of another kind', Buffer.from('%PDF-1.4').toString('base64'), 'another kind or a damaged one'],
    ['no pixels', sized(0, 3), 'came 0 × 3'],
    ['one pixel too many', sized(2 ** 25 + 1, 1), 'came 33554433 × 1'],
  ])('is never %s', async (_name, value, words) => {
    const error = await refusal(() => readImage(value, 'features.images[3]'));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations).toEqual([{ path: 'features.images[3]', message: expect.stringContaining(words) }]);
    expect(error.message).toBe(`features.images[3]: ${error.violations[0]?.message}.`);
  });

  it('may have as many pixels as are bearable', () => {
    expect(readImage(sized(2 ** 25, 1), 'features.image').path).toBe('features.image');
    expect(readImage(sized(2 ** 12, 2 ** 13), 'features.image').path).toBe('features.image');
  });
});

describe('the size in headers that no encoder here writes', () => {
  const bytes = (...parts: (string | number)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part))));

  it('GIF of 1987, and JPEG with segments, fill bytes and tables before its frame', () => {
    expect(imageSize(bytes('GIF87a', 2, 1, 3, 0, 0))).toEqual({ width: 258, height: 3 });
    const table = bytes(0xff, 0xc4, 0, 4, 9, 9);
    const frame = bytes(0xff, 0xc2, 0, 17, 8, 1, 2, 3, 4);
    for (const other of [
      table,
      bytes(0xff, 0xc8, 0, 2),
      bytes(0xff, 0xcc, 0, 3, 7),
      bytes(0xff),
      bytes(0xff, 0xd0, 0, 2),
    ]) {
      expect(imageSize(Buffer.concat([bytes(0xff, 0xd8), other, frame]))).toEqual({ width: 772, height: 258 });
    }
    for (const last of [0xc0, 0xcf]) {
      expect(imageSize(bytes(0xff, 0xd8, 0xff, last, 0, 17, 8, 1, 2, 3, 4))).toEqual({ width: 772, height: 258 });
    }
    // What stands behind the table is no segment.
    expect(imageSize(Buffer.concat([bytes(0xff, 0xd8), table, bytes(7), frame]))).toBeUndefined();
  });

  it.each(['PNG', 'GIF', 'JPEG', 'other'])('none for what only begins as a %s', (kind) => {
    const begun = {
      PNG: bytes('\x89PNG\r\n\x1a\n', 0, 0, 0, 13, 'IDAT', 0, 0, 0, 1, 0, 0, 0, 1),
      GIF: bytes('GIF88a', 1, 0, 1, 0),
      JPEG: bytes(0xff, 0xd8, 0xff, 0xe0, 0, 8, 1, 2),
      // Its size stands where that of a PNG does.
      other: bytes('\x89PNX\r\n\x1a\n', 0, 0, 0, 13, 'IHDR', 0, 0, 0, 1, 0, 0, 0, 1),
    }[kind] as Buffer;
    expect(imageSize(begun)).toBeUndefined();
  });
});
