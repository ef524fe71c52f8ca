import { AppError } from '../../../errors.ts';
import { imageSize } from './image-size.ts';

/** An image of a request: the bytes of a PNG, JPEG, WebP or GIF whose size is known to be bearable. */
export interface DecodedImage {
  readonly bytes: Uint8Array;
  /** Where it stands in the request. */
  readonly path: string;
}

/** 33 million pixels take 134 MB once they are decoded. */
const maxPixels = 2 ** 25;
const dataUrl = /^data:image\/[a-z0-9.+-]{1,32};base64,/i;

/**
 * Takes an image out of JSON. Nothing is ever fetched or opened for a caller, so an address or a path is refused.
 *
 * @param value  base64, or a `data:` URL of it.
 * @throws AppError INVALID_INPUT
 */
export function readImage(value: unknown, path: string): DecodedImage {
  if (typeof value !== 'string') throw refused(path, 'expected an image in base64 or as a data: URL');
  const text = value.replace(dataUrl, '');
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)) {
    throw refused(path, 'expected base64 or a data: URL of an image, never an address or a path');
  }
  const bytes = Buffer.from(text, 'base64');
  const size = imageSize(bytes);
  if (!size) throw refused(path, 'expected the bytes of a PNG, JPEG, WebP or GIF, came another kind or a damaged one');
  const pixels = size.width * size.height;
  if (pixels > maxPixels || pixels === 0) {
    throw refused(path, `expected 1 to ${maxPixels} pixels, came ${size.width} × ${size.height}`);
  }
  return { bytes, path };
}

/** @throws AppError INVALID_INPUT when the bytes cannot be decoded */
export async function decodeImage<T>({ bytes, path }: DecodedImage, decode: (blob: Blob) => Promise<T>): Promise<T> {
  try {
    return await decode(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  } catch (cause) {
    throw refused(path, 'expected a whole image, but it cannot be decoded', cause);
  }
}

function refused(path: string, message: string, cause?: unknown): AppError {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }], cause });
}
