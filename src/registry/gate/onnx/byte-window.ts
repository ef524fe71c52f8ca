/** Fills `target` from `position` on; answers how many bytes it wrote, 0 at the end. */
export type ReadAt = (target: Uint8Array, position: number) => number;

const windowBytes = 128 * 1024;

/**
 * Random access to a file through one small window, so that walking a model of 2 GB holds 128 KB of it.
 * Reads forward are cheap; bytes that are skipped are never read.
 */
export class ByteWindow {
  readonly size: number;
  readonly #read: ReadAt;
  #buffer: Buffer;
  /** File positions of the first byte held and of the one after the last. */
  #start = 0;
  #end = 0;

  constructor(size: number, read: ReadAt) {
    this.size = size;
    this.#read = read;
    this.#buffer = Buffer.allocUnsafe(Math.min(windowBytes, size));
  }

  /** A window over bytes that are in memory already. */
  static over(bytes: Uint8Array): ByteWindow {
    return new ByteWindow(bytes.byteLength, (target, position) => {
      const part = bytes.subarray(position, position + target.byteLength);
      target.set(part);
      return part.byteLength;
    });
  }

  /** The byte at a position, or -1 beyond the end. */
  byte(position: number): number {
    if ((position < this.#start || position >= this.#end) && !this.#load(position)) return -1;
    return this.#buffer[position - this.#start] as number;
  }

  /** A copy of `length` bytes; shorter when the file ends before. */
  bytes(position: number, length: number): Buffer {
    const copy = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const part = this.ahead(position + filled);
      if (part.byteLength === 0) break;
      filled += part.copy(copy, filled, 0, length - filled);
    }
    return copy.subarray(0, filled);
  }

  /** What the window holds from a position on: at least one byte, or none beyond the end. Do not keep it. */
  ahead(position: number): Buffer {
    if ((position < this.#start || position >= this.#end) && !this.#load(position)) return Buffer.alloc(0);
    return this.#buffer.subarray(position - this.#start, this.#end - this.#start);
  }

  #load(position: number): boolean {
    this.#start = position;
    this.#end = position;
    while (this.#end < this.size && this.#end - position < this.#buffer.byteLength) {
      const read = this.#read(this.#buffer.subarray(this.#end - position), this.#end);
      if (read <= 0) break;
      this.#end += read;
    }
    return this.#end > position;
  }
}
