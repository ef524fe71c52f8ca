import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

/** One exchange with a real Ollama server, as it was recorded. */
export interface Transcript {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body: string | null };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly chunkSizes?: readonly number[];
    /** False: the client hung up before the end. */
    readonly complete?: boolean;
    readonly body: string;
  };
}

const folder = join(import.meta.dirname, '../../../shared/ollama-transcripts');
export const hasTranscripts = existsSync(folder);

const files = hasTranscripts ? readdirSync(folder).filter((file) => file.endsWith('.json')) : [];
export const transcripts: readonly Transcript[] = files.map((file) =>
  JSON.parse(readFileSync(join(folder, file), 'utf8')),
);

export const transcript = (name: string): Transcript => {
  const found = transcripts.find((each) => each.name === name);
  if (!found) throw new Error(`there is no transcript ${name}`);
  return found;
};

/** Cuts a body into the pieces in which it travels. */
export type Cut = (body: Buffer, recorded: readonly number[] | undefined) => readonly Buffer[];

export const asRecorded: Cut = (body, sizes = [body.length]) => piecesOf(body, sizes);
export const byteByByte: Cut = (body) =>
  piecesOf(
    body,
    Array.from(body, () => 1),
  );
/** Pieces of the given sizes, again and again. */
export const inPieces =
  (sizes: readonly number[]): Cut =>
  (body) => {
    const all: number[] = [];
    for (let sum = 0, at = 0; sum < body.length; at++) {
      const size = sizes[at % sizes.length] ?? 1;
      all.push(size);
      sum += size;
    }
    return piecesOf(body, all);
  };

function piecesOf(body: Buffer, sizes: readonly number[]): Buffer[] {
  let start = 0;
  return sizes.map((size) => body.subarray(start, (start += size)));
}

export interface TestOllama {
  readonly url: URL;
  readonly asked: { readonly method: string; readonly path: string; readonly body: string }[];
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** Serves recorded answers, byte for byte; the request decides which, by method, path and JSON. */
export function replay(cases: readonly Transcript[], cut: Cut = asRecorded): Promise<TestOllama> {
  const byRequest = new Map<string, Transcript>();
  for (const each of cases) {
    const key = keyOf(each.request.method, each.request.path, each.request.body ?? '');
    if (!byRequest.has(key)) byRequest.set(key, each);
  }
  return serve(async (body, incoming, outgoing) => {
    const found = byRequest.get(keyOf(incoming.method ?? '', incoming.url ?? '', body));
    if (!found) return void outgoing.writeHead(599).end(`no transcript for ${incoming.url} ${body}`);
    const { status, headers, chunkSizes, complete = true, body: recorded } = found.response;
    outgoing.writeHead(status, headers);
    for (const piece of cut(Buffer.from(recorded), chunkSizes)) {
      if (outgoing.destroyed) return;
      outgoing.write(piece);
      // A piece travels alone only when it has left before the next one comes.
      await turn();
    }
    if (complete) outgoing.end();
  });
}

type Handler = (body: string, ...rest: Parameters<RequestListener>) => unknown;

/** A server in the place of Ollama, doing what the test wants. */
export async function serve(handle: Handler): Promise<TestOllama> {
  const asked: { method: string; path: string; body: string }[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      asked.push({ method: incoming.method ?? '', path: incoming.url ?? '', body });
      void handle(body, incoming, outgoing);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    asked,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same request however it is written: keys in order, and `stream` said, which is true unless said. */
function keyOf(method: string, path: string, body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
    const streams = /^\/api\/(chat|generate)$/.test(path);
    return `${method} ${path} ${sorted(isRecord && streams ? { stream: true, ...value } : value)}`;
  } catch {
    return `${method} ${path} ${body}`;
  }
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
