import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Answer, TestServer } from '../../support/boot-server.ts';

/** Status and code of an answer, which must be a problem document when it is an error. */
export function outcome({ status, headers, body }: Answer): [number, string | undefined] {
  if (status >= 400) {
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ status, requestId: headers.get('x-request-id') });
  }
  return [status, body?.code];
}

/** Folders in which a server keeps models of its node, with what lies in them. */
export async function modelFiles({ root }: TestServer): Promise<Record<'incoming' | 'making' | 'packages', string[]>> {
  const list = (name: string) => readdir(join(root, 'data', 'models', name)).catch(() => []);
  return { incoming: await list('incoming'), making: await list('making'), packages: await list('packages') };
}

export interface RawAnswer {
  /** Statuses of all answers, in order. */
  readonly statuses: readonly number[];
  readonly text: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
}

/** Writes pieces to a socket as they are, a number being a pause in ms, and reads what comes back until it is quiet. */
export function raw(url: string, pieces: readonly (string | Uint8Array | number)[], quietMs = 500): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    let timer = setTimeout(() => finish(false), quietMs);
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
      resolve({ statuses, text, closed });
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
      clearTimeout(timer);
      timer = setTimeout(() => finish(false), quietMs);
    });
    socket.on('close', () => finish(true)).on('error', () => finish(true));
    socket.on('connect', async () => {
      for (const piece of pieces) {
        if (typeof piece === 'number') await pause(piece);
        else socket.write(piece);
      }
    });
  });
}

/** Anonymous memory of the process that answers HTTP, in bytes. */
export async function serverMemory(server: TestServer): Promise<number> {
  return (await server.as('admin').get('/status')).body.memory.rssAnonBytes;
}
