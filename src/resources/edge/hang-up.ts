import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../../errors.ts';

const current = new WeakMap<Socket, AbortController>();
const ofRequest = new WeakMap<IncomingMessage, AbortSignal>();

/**
 * Aborts when the caller hangs up, with CANCELLED as its reason. It may also abort after the reply was sent.
 * A connection carries one request at a time, so one listener a connection serves them all.
 */
export function hangUpSignal(incoming: IncomingMessage): AbortSignal {
  const known = ofRequest.get(incoming);
  if (known) return known;
  const { socket } = incoming;
  const controller = new AbortController();
  if (socket.destroyed) controller.abort(hungUp());
  else {
    if (!current.has(socket)) socket.once('close', () => current.get(socket)?.abort(hungUp()));
    current.set(socket, controller);
  }
  ofRequest.set(incoming, controller.signal);
  return controller.signal;
}

const hungUp = () => new AppError('CANCELLED', 'The caller hung up before the answer was ready.');
