import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { FuzzRequest } from './requests.ts';

export interface Seen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request that got no whole answer. */
export interface Unanswered {
  readonly failure: string;
}

const patienceMs = 35_000;

/** Sends one request and waits for its whole answer. Headers of the request win over its login. */
export async function send(
  url: string,
  { method, target, headers, body, chunked }: FuzzRequest,
  authorization: string | undefined,
  agent: Agent,
): Promise<Seen | Unanswered> {
  const attempt = () =>
    new Promise<(Seen | Unanswered) & { stale?: boolean }>((resolve) => {
      const { hostname, port } = new URL(url);
      const outgoing = httpRequest({
        hostname,
        port,
        method,
        path: target,
        agent,
        headers: {
          ...(authorization !== undefined && { authorization }),
          // Node frames the body of a GET or DELETE only when told to.
          ...(body && (chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) })),
          ...headers,
        },
        timeout: patienceMs,
      });
      outgoing.on('response', (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('end', () =>
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(chunks) }),
        );
        reply.on('error', (error) => resolve({ failure: `the answer broke off: ${error.message}` }));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
      outgoing.on('upgrade', (reply, socket) => {
        socket.destroy();
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.alloc(0) });
      });
      outgoing.on('error', (error) => {
        // The server may close a kept connection at the very moment it is used again; that is nobody's fault.
        resolve({
          failure: error.message,
          stale: outgoing.reusedSocket && 'code' in error && error.code === 'ECONNRESET',
        });
      });
      outgoing.end(body);
    });
  const first = await attempt();
  return 'stale' in first && first.stale ? attempt() : first;
}
