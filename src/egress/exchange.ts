import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../errors.ts';
import { type ConnectOptions, connect } from './connect.ts';

/** One request to another server. */
export interface ExchangeRequest extends ConnectOptions {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** `http:` or `https:`. Whether this host may be asked at all is decided by the caller. */
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** Bytes of body that are taken; one more ends the exchange. */
  readonly maxBytes: number;
  /** Milliseconds without a byte after which the exchange has failed; endless unless said, for there is `signal`. */
  readonly idleTimeoutMs?: number;
}

export interface ExchangeReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /**
   * The body as it comes; the other side waits while nobody reads. May be read once. Leaving the loop early ends
   * the exchange.
   *
   * @throws AppError UPSTREAM_FAILED when it is cut off or too large, or the signal's reason
   */
  readonly body: AsyncIterable<Buffer>;
  /** Ends the exchange; the other side sees the connection close. Needed when the body is not read to its end. */
  close(): void;
}

/**
 * Sends one request over a connection of its own and answers with the reply's head; the body follows. Redirects
 * are not followed (a 3xx is a reply like any other), proxies not used, nothing is unpacked or cached.
 *
 * @throws AppError UPSTREAM_UNAVAILABLE when no connection could be made, UPSTREAM_FAILED when what came is no
 *         HTTP reply, or the signal's reason
 */
export async function exchange(request: ExchangeRequest): Promise<ExchangeReply> {
  const { peer, signal, idleTimeoutMs = 0 } = request;
  const socket = await connect(request.url, request);
  // Node tells a reader only that the connection was reset; what ended it is remembered here.
  let reason: unknown;
  const end = (because?: unknown) => {
    reason ??= because;
    socket.destroy();
  };
  const why = (cause?: unknown) => reason ?? cutOff(peer, cause);
  const onAbort = () => end(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('close', () => signal?.removeEventListener('abort', onAbort));
  if (signal?.aborted) onAbort();
  socket.setTimeout(idleTimeoutMs, () => end(silent(peer)));
  try {
    const response = await send(request, socket);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: bodyOf(response, request, end, why),
      close: () => end(),
    };
  } catch (cause) {
    end();
    throw why(cause);
  }
}

function send({ method, url, headers, body }: ExchangeRequest, socket: Socket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      method,
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }), ...headers },
      createConnection: () => socket,
    });
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.once('close', () => reject(new Error('the connection was closed without a reply')));
    outgoing.end(body);
  });
}

async function* bodyOf(
  response: IncomingMessage,
  { peer, maxBytes }: ExchangeRequest,
  end: () => void,
  why: (cause?: unknown) => unknown,
): AsyncGenerator<Buffer> {
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLong(peer, maxBytes);
      yield chunk;
    }
    if (!response.complete) throw cutOff(peer);
  } catch (cause) {
    throw cause instanceof AppError ? cause : why(cause);
  } finally {
    end();
  }
}

const failed = (message: string, cause?: unknown): AppError =>
  new AppError('UPSTREAM_FAILED', message, cause === undefined ? {} : { cause });

const cutOff = (peer: string, cause?: unknown): AppError =>
  failed(`Expected a whole HTTP reply from ${peer}, the connection ended before it was complete. Try again.`, cause);

const silent = (peer: string): AppError =>
  failed(`Expected ${peer} to go on with its reply, nothing more came in time. Try again.`);

const tooLong = (peer: string, maxBytes: number): AppError =>
  failed(`Expected at most ${maxBytes} bytes in the reply of ${peer}, got more. Ask for less at once.`);
