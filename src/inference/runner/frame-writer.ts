import type { Socket } from 'node:net';
import { encodeFrame } from './frames.ts';

/** Frames of one tick up to this size leave as one buffer; larger ones are corked into one `writev`. */
const JOIN_BELOW = 64 * 1024;

/**
 * Writes frames to a socket, all frames of one tick in one system call.
 *
 * `schedule` says when a tick ends: `setImmediate` where callers of many sockets meet (the client), and
 * `process.nextTick` where a batch's answers must leave before the next batch blocks the thread (the runner).
 */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #schedule: (flush: () => void) => void;
  #waiting: Buffer[] = [];
  #bytes = 0;

  constructor(socket: Socket, schedule: (flush: () => void) => void) {
    this.#socket = socket;
    this.#schedule = schedule;
  }

  write(header: object, sections: readonly Uint8Array[] = []): void {
    if (this.#waiting.length === 0) this.#schedule(this.#flush);
    for (const bytes of encodeFrame(header, sections)) {
      this.#waiting.push(bytes);
      this.#bytes += bytes.length;
    }
  }

  /** Bytes that the other end has not taken yet. */
  get backlog(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  readonly #flush = (): void => {
    const [buffers, bytes] = [this.#waiting, this.#bytes];
    this.#waiting = [];
    this.#bytes = 0;
    if (this.#socket.destroyed) return;
    const [first] = buffers;
    if (buffers.length === 1 && first) this.#socket.write(first);
    else if (bytes <= JOIN_BELOW) this.#socket.write(Buffer.concat(buffers, bytes));
    else {
      this.#socket.cork();
      for (const buffer of buffers) this.#socket.write(buffer);
      this.#socket.uncork();
    }
  };
}
