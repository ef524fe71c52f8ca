import type { IncomingMessage } from 'node:http';

/**
 * Where a connection comes from. Headers that claim another address are not believed. Of IPv6 it is the network
 * of 64 bits, for its owner has all addresses in it.
 */
export function addressOf({ socket }: IncomingMessage): string {
  const address = socket.remoteAddress ?? 'unknown';
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? networkOf(address);
}

function networkOf(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}
