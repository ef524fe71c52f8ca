import type { IncomingMessage } from 'node:http';

const maxBytes = 16 * 2 ** 20;
const maxMs = 5_000;

/**
 * Reads off a body that nobody wants, so that the client gets to read its answer instead of a reset. A
 * client that goes on and on is cut off.
 */
export function drain(incoming: IncomingMessage): void {
  let size = 0;
  const giveUp = setTimeout(() => incoming.destroy(), maxMs).unref();
  const finish = () => clearTimeout(giveUp);
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) incoming.destroy();
  });
  incoming.on('end', finish).on('close', finish).on('error', finish);
  incoming.resume();
}
