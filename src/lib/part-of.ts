import { Readable } from 'node:stream';

/**
 * The bytes of a stream from `start` up to but without `end`. What lies before is read and dropped; the source
 * is closed as soon as the last byte has come, or when the part is destroyed.
 */
export function partOf(source: Readable, start: number, end: number): Readable {
  async function* within() {
    let position = 0;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      const part = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
      position += chunk.length;
      if (part.length > 0) yield part;
      if (position >= end) return;
    }
  }
  return Readable.from(within(), { objectMode: false });
}
