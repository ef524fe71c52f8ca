import { isIP, connect as netConnect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { AppError } from '../errors.ts';

/** How a connection to another server is made. */
export interface ConnectOptions {
  /** What messages call the other side, such as `the Ollama server`. */
  readonly peer: string;
  readonly signal?: AbortSignal | undefined;
  /** Until the connection stands, with TLS; 2,000 ms unless said. */
  readonly connectTimeoutMs?: number | undefined;
  /** Resolves the host's name, in place of the system's way. */
  readonly lookup?: TcpNetConnectOpts['lookup'];
  /** Looks at the address that was really reached, before anything is sent there; throws to refuse it. */
  readonly checkAddress?: ((address: string) => void) | undefined;
}

const defaultConnectTimeoutMs = 2000;

/**
 * Opens a connection to a URL's host: never through a proxy, and for `https:` with the certificate checked
 * against the name in the URL, whatever address it resolved to.
 *
 * @throws AppError UPSTREAM_UNAVAILABLE when nothing answers there in time, what `checkAddress` throws, or the
 *         signal's reason.
 */
export async function connect(url: URL, options: ConnectOptions): Promise<Socket> {
  const { peer, signal, connectTimeoutMs = defaultConnectTimeoutMs, lookup, checkAddress } = options;
  const isTls = url.protocol === 'https:';
  // A URL writes an IPv6 address in brackets, a socket without.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port) || (isTls ? 443 : 80);
  signal?.throwIfAborted();
  return new Promise<Socket>((resolve, reject) => {
    const plain = netConnect({ host, port, ...(lookup && { lookup }) });
    let socket = plain;
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      plain.off('error', onError);
      socket.off('error', onError);
    };
    const fail = (error: unknown) => {
      settle();
      // Whoever destroys a socket that still connects is told so by an error, which nobody waits for.
      for (const each of new Set([plain, socket])) each.on('error', () => {}).destroy();
      reject(error);
    };
    const onError = (cause: unknown) => fail(cause instanceof AppError ? cause : unreachable(peer, cause));
    const onAbort = () => fail(signal?.reason);
    const timer = setTimeout(() => fail(unreachable(peer)), connectTimeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const ready = () => {
      settle();
      resolve(socket.setNoDelay(true));
    };
    plain.once('error', onError);
    plain.once('connect', () => {
      try {
        checkAddress?.(plain.remoteAddress ?? '');
      } catch (error) {
        return fail(error);
      }
      if (!isTls) return ready();
      socket = tlsConnect({ socket: plain, ...(!isIP(host) && { servername: host }), ALPNProtocols: ['http/1.1'] });
      socket.once('error', onError).once('secureConnect', ready);
    });
  });
}

const unreachable = (peer: string, cause?: unknown): AppError =>
  new AppError('UPSTREAM_UNAVAILABLE', `Expected ${peer} to take a connection, it could not be reached. Try later.`, {
    cause,
    retryAfterSeconds: 5,
  });
