import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { EgressPolicy } from '../../../src/egress/egress-policy.ts';

/** A server for files on loopback, and a policy that lets it be asked. */
export async function fileServer(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    sockets,
    origin: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    policy: new EgressPolicy({ allow: [{ hostname: '127.0.0.1', port }] }),
  };
}

/** Answers as servers that know ranges do. */
export function sendRange(request: IncomingMessage, response: ServerResponse, bytes: Buffer, etag: string): void {
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const from = match && request.headers['if-range'] === etag ? Number(match[1]) : 0;
  const head = { etag, 'content-length': bytes.length - from };
  if (from > 0)
    response.writeHead(206, { ...head, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
  else response.writeHead(200, head);
}
