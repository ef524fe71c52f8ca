import type { RunningServer } from './server.ts';

export interface Reply {
  readonly status: number;
  readonly bytes: Buffer;
  /** The body of a JSON reply. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Bytes that are not whole may never come to an end. */
const patienceMs = 30_000;

/** One request, as the administrator. Rejects when the whole reply does not come: broken off, or too late. */
export async function request(
  server: Pick<RunningServer, 'url' | 'authorization'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Reply> {
  const isJson = body !== undefined && !(body instanceof FormData) && !(body instanceof Uint8Array);
  const type = isJson ? 'application/json' : body instanceof Uint8Array ? 'application/octet-stream' : undefined;
  const reply = await fetch(server.url + path, {
    method,
    signal: AbortSignal.timeout(patienceMs),
    headers: { authorization: server.authorization, ...(type && { 'content-type': type }) },
    ...(body !== undefined && { body: isJson ? JSON.stringify(body) : (body as FormData) }),
  });
  const bytes = Buffer.from(await reply.arrayBuffer());
  const holdsJson = (reply.headers.get('content-type') ?? '').includes('json');
  return { status: reply.status, bytes, json: holdsJson ? JSON.parse(bytes.toString()) : {} };
}
