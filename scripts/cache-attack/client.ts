import { Agent, request as httpRequest } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Asks as the administrator; rejects when no whole answer comes. */
export type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>;

const patienceMs = 60_000;

/** A client with connections of its own, so that the server's threads share the load by chance. */
export function clientOf(server: { readonly url: string; readonly authorization: string }, connections: number) {
  const { hostname, port } = new URL(server.url);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const ask: Ask = (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const outgoing = httpRequest({
        hostname,
        port,
        method,
        path,
        agent,
        headers: {
          authorization: server.authorization,
          ...(text && { 'content-type': 'application/json', 'content-length': String(text.length) }),
        },
        timeout: patienceMs,
      });
      outgoing.on('response', (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('error', reject);
        reply.on('end', () => {
          const parsed = parse(Buffer.concat(chunks).toString());
          const code = typeof parsed.code === 'string' ? parsed.code : undefined;
          resolve({
            status: reply.statusCode ?? 0,
            code,
            retryAfter: reply.headers['retry-after'],
            body: parsed,
          });
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  return { ask, close: () => agent.destroy() };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  return text === '' ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>);
}
