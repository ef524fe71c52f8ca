import { Packr } from 'msgpackr';

/**
 * A frame is a MessagePack header and any number of raw byte sections:
 *
 *     u32 bytes that follow these eight · u32 bytes of the header · header · section · section …
 *
 * Header and sections are padded to eight bytes, so typed arrays can be laid over a section where it arrived.
 */
const PREFIX = 8;
/** Up to here a frame is copied into one buffer; beyond, its sections are handed to the socket as they are. */
const COPY_BELOW = 16 * 1024;
/** Both ends are ours; a longer frame means that they have lost step. */
const MAX_FRAME = 2 ** 31;

const packr = new Packr({ useRecords: false });
const padded = (bytes: number): number => (bytes + 7) & ~7;
const padding = Buffer.alloc(8);

/** One frame as the buffers to write, in order. */
export function encodeFrame(header: object, sections: readonly Uint8Array[] = []): Buffer[] {
  const packed = packr.pack(header);
  let body = 0;
  for (const section of sections) body += padded(section.byteLength);
  const head = PREFIX + padded(packed.length);
  if (head + body > MAX_FRAME) throw new RangeError(`a frame holds at most ${MAX_FRAME} bytes, got ${head + body}`);
  const whole = head + body <= COPY_BELOW;
  const first = Buffer.allocUnsafe(whole ? head + body : head);
  first.writeUInt32LE(head + body - PREFIX, 0);
  first.writeUInt32LE(packed.length, 4);
  first.set(packed, PREFIX);
  if (!whole) return [first, ...sections.flatMap(withPadding)];
  let offset = head;
  for (const section of sections) {
    first.set(section, offset);
    offset += padded(section.byteLength);
  }
  return [first];
}

function withPadding(section: Uint8Array): Buffer[] {
  const bytes = Buffer.from(section.buffer, section.byteOffset, section.byteLength);
  const missing = padded(bytes.length) - bytes.length;
  return missing === 0 ? [bytes] : [bytes, padding.subarray(0, missing)];
}

/** A received frame: its header, and the bytes of all its sections. */
export interface Frame {
  readonly header: unknown;
  readonly body: Buffer;
}

/** Cuts a stream of bytes into frames. A frame that came in one piece is not copied. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** The start of a prefix whose end has not come yet. */
  #rest: Buffer = Buffer.alloc(0);
  #frame: { bytes: Buffer; filled: number; headerLength: number } | undefined;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = Buffer.alloc(0);
    while (bytes.length > 0) {
      if (this.#frame) {
        bytes = this.#fill(this.#frame, bytes);
        continue;
      }
      if (bytes.length < PREFIX) {
        this.#rest = bytes;
        return;
      }
      const [length, headerLength] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
      if (length > MAX_FRAME || headerLength > length) throw new RangeError('the stream of frames is out of step');
      bytes = bytes.subarray(PREFIX);
      if (bytes.length >= length) {
        this.#emit(bytes.subarray(0, length), headerLength);
        bytes = bytes.subarray(length);
      } else {
        this.#frame = { bytes: Buffer.allocUnsafeSlow(length), filled: 0, headerLength };
      }
    }
  }

  #fill(frame: { bytes: Buffer; filled: number; headerLength: number }, bytes: Buffer): Buffer {
    const copied = bytes.copy(frame.bytes, frame.filled);
    frame.filled += copied;
    if (frame.filled === frame.bytes.length) {
      this.#frame = undefined;
      this.#emit(frame.bytes, frame.headerLength);
    }
    return bytes.subarray(copied);
  }

  #emit(bytes: Buffer, headerLength: number): void {
    this.#onFrame({
      header: packr.unpack(bytes.subarray(0, headerLength)),
      body: bytes.subarray(padded(headerLength)),
    });
  }
}
