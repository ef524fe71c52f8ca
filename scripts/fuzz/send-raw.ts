import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { RawRequest } from './raw-requests.ts';

/** Long enough for an answer; half a request gets none and is let go. */
const patienceMs = 300;
const mayBeAnswered = new Set([100, 200, 400, 401, 404, 405, 408, 411, 413, 414, 415, 417, 431]);

/**
 * Writes bytes to a socket and reads what comes back.
 *
 * @returns the statuses of the answers, in order.
 */
export function sendRaw(url: string, { pieces }: RawRequest): Promise<{ statuses: number[]; text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    let quiet: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(quiet);
      socket.destroy();
      resolve({ statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)), text });
    };
    const wait = () => {
      clearTimeout(quiet);
      quiet = setTimeout(finish, patienceMs);
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
      wait();
    });
    socket.on('close', finish).on('error', finish);
    socket.on('connect', async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await pause(1);
      }
      wait();
    });
  });
}

/** What is wrong with the answers to bytes that are no HTTP: they blame the caller, or none come. */
export function wrongsOfRaw({ statuses, text }: { statuses: readonly number[]; text: string }): string[] {
  const wrong = statuses.find((status) => !mayBeAnswered.has(status));
  const wrongs = wrong === undefined ? [] : [`answered ${wrong}`];
  if (/node:internal|node_modules|\bat \S+ \(/.test(text)) wrongs.push('the answer holds a stack');
  return wrongs;
}
