import { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import { ndjsonType } from './ndjson.ts';
import { acceptsRange } from './negotiate.ts';

/** How an answer in pieces is written. */
export interface PieceFormat {
  readonly contentType: string;
  readonly write: (event: PieceEvent, value: object) => string;
}

export type PieceEvent = 'delta' | 'done' | 'error';

const eventStream = 'text/event-stream';

/** Content types of an answer in pieces, with what they hold. */
export const pieceTypes = {
  [ndjsonType]:
    'One JSON object a line: {"delta"} as the text is made, then {"done":true} with the reply, or {"error"}',
  [eventStream]: 'The same objects as the data of events named delta, done and error',
} as const;

/** Whether an Accept header names a type that only answers in pieces have. */
export const acceptsPieces = (accept: string | undefined): boolean =>
  Object.keys(pieceTypes).some((type) => acceptsRange(accept, type));

/** Server-sent events for those who name them, else a line of JSON for each piece. */
export function pieceFormat(accept: string | undefined): PieceFormat {
  if (!acceptsRange(accept, eventStream)) {
    return { contentType: ndjsonType, write: (_event, value) => `${JSON.stringify(value)}\n` };
  }
  const write = (event: PieceEvent, value: object) => `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
  return { contentType: eventStream, write };
}

/** Bytes that may wait for a slow reader before whoever makes the text is asked to wait too. */
const roomBytes = 16_384;

/** The body of an answer in pieces: what is written goes out at once, and a slow reader slows its writer down. */
export class Pieces {
  readonly stream: Readable;
  readonly #format: PieceFormat;
  #onRoom: (() => void) | undefined;
  #onGone: ((reason: unknown) => void) | undefined;

  constructor(format: PieceFormat) {
    this.#format = format;
    this.stream = new Readable({
      highWaterMark: roomBytes,
      read: () => this.#onRoom?.(),
      destroy: (error, done) => {
        this.#onGone?.(gone());
        done(error);
      },
    });
  }

  /**
   * @returns undefined while there is room for more, else what resolves when there is.
   * @throws AppError CANCELLED when the reader has left
   */
  send(event: PieceEvent, value: object): Promise<void> | undefined {
    if (this.stream.destroyed) throw gone();
    if (this.stream.push(this.#format.write(event, value))) return undefined;
    return new Promise<void>((resolve, reject) => {
      this.#onRoom = resolve;
      this.#onGone = reject;
    }).finally(() => {
      this.#onRoom = undefined;
      this.#onGone = undefined;
    });
  }

  /** Writes the last piece; who has left misses it. */
  end(event: PieceEvent, value: object): void {
    if (this.stream.destroyed) return;
    this.stream.push(this.#format.write(event, value));
    this.stream.push(null);
  }
}

const gone = () => new AppError('CANCELLED', 'The caller hung up before the answer was ready.');
