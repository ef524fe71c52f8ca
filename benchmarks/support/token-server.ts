import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { onCleanup } from './cleanup.ts';

/** A server that speaks Ollama's `/api/generate` and says with each token when it was written. */
export interface TokenServer {
  readonly host: string;
  /** Generations that were begun and not ended. */
  readonly generating: () => number;
  readonly sockets: ReadonlySet<Socket>;
}

/** Milliseconds on the clock of this machine, the same in every process. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Starts it in this process.
 *
 * @param pauseMs  between tokens, and before the first.
 */
export async function startTokenServer({ tokens, pauseMs }: { tokens: number; pauseMs: number }): Promise<TokenServer> {
  let generating = 0;
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    incoming.resume().once('end', async () => {
      if (incoming.url !== '/api/generate') return outgoing.end('{"version":"0"}');
      generating++;
      outgoing.once('close', () => generating--);
      outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' });
      outgoing.flushHeaders();
      for (let token = 0; token < tokens && !outgoing.destroyed; token++) {
        await pause(pauseMs);
        outgoing.write(`${JSON.stringify({ response: `${nowMs()} `, done: false })}\n`);
      }
      return outgoing.end('{"response":"","done":true}\n');
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onCleanup(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    generating: () => generating,
    sockets,
  };
}
