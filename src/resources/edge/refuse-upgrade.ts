import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const refusal =
  'HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\nx-content-type-options: nosniff\r\n\r\n';

/**
 * Ends attempts to open a WebSocket, which nothing here speaks: without an answer Harper would keep such a
 * socket open for ever. As soon as another component of this Harper listens for them, they are its own.
 */
export function refuseUpgrades(servers: readonly Server[]): void {
  for (const server of servers) {
    server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
      if (server.listenerCount('upgrade') === 1) socket.end(refusal);
    });
  }
}
