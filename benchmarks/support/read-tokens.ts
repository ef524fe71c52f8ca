import { type IncomingMessage, request } from 'node:http';
import { nowMs } from './token-server.ts';

/** A POST whose answer is read in pieces. */
export interface Asked {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** How late each token was read after it was written, in milliseconds, the first token first. */
export async function delaysOf(asked: Asked): Promise<number[]> {
  const delays: number[] = [];
  let rest = '';
  for await (const chunk of await open(asked)) {
    const arrived = nowMs();
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { delta, response } = JSON.parse(line) as { delta?: string; response?: string };
      const written = Number.parseFloat(delta ?? response ?? '');
      if (Number.isFinite(written)) delays.push(arrived - written);
    }
  }
  return delays;
}

/** Reads so many bytes, then hangs up. @returns whether the answer was longer than that */
export async function leaveAt(asked: Asked, byte: number): Promise<boolean> {
  let received = 0;
  const reply = await open(asked);
  for await (const chunk of reply) {
    received += (chunk as Buffer).length;
    if (received < byte) continue;
    reply.destroy();
    return true;
  }
  return false;
}

function open({ url, headers, body }: Asked): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      agent: false,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    });
    outgoing.once('error', reject).once('response', (reply) => {
      if (reply.statusCode === 200) return resolve(reply);
      reply.resume();
      return reject(new Error(`Expected 200 from ${url}, got ${reply.statusCode}`));
    });
    outgoing.end(body);
  });
}
