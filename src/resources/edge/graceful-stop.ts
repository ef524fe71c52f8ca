import type { Server as HttpServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setImmediate as afterPolling, setTimeout as pause } from 'node:timers/promises';
import type { StopNotice } from './stop-notice.ts';

/** How long new connections are still taken while readiness already answers 503: whoever balances load looks once. */
const farewellMs = 500;
/** How long an idle connection may still ask something before it is closed. */
const lingerMs = 500;
/** How long a thread that takes no connections waits for the others to come as far. */
const othersMs = 2_000;
/** From the notice on; what is not answered by then, a stream for one, is cut. */
const patienceMs = 8_500;

export interface StopPorts {
  readonly thread: number;
  /** The servers that listen in this thread. */
  readonly servers: readonly HttpServer[];
  readonly post: (notice: StopNotice) => void;
  /** Writes what is still in memory; called when the last reply is sent. */
  readonly close: () => Promise<void>;
  /** Ends what all threads needed until their last reply; called when all of them are done. */
  readonly closeLast: () => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * How a thread leaves without a request unanswered: readiness says no, then the thread takes no new connections,
 * each connection it has ends with its reply, and what is in memory is written. The main thread gives the word,
 * see `scripts/harper/stop-gently.ts`.
 */
export class GracefulStop {
  readonly #ports: StopPorts;
  #phase: 'serving' | 'unready' | 'leaving' = 'serving';
  #leave: (() => void) | undefined;

  constructor(ports: StopPorts) {
    this.#ports = ports;
    ports.post({ type: 'hello', thread: ports.thread });
  }

  /** Whether readiness is to answer 503. */
  get isStopping(): boolean {
    return this.#phase !== 'serving';
  }

  /** Whether a connection is to end with its reply: from when no new one is taken on. */
  get isLeaving(): boolean {
    return this.#phase === 'leaving';
  }

  async hear(notice: StopNotice): Promise<void> {
    const { thread, post, closeLast } = this.#ports;
    try {
      if (notice.type === 'stop') await this.#stop();
      else if (notice.type === 'leave') this.#leave?.();
      else if (notice.type === 'end') {
        await closeLast();
        post({ type: 'ended', thread });
      }
    } catch (error) {
      this.#ports.onTrouble(error);
    }
  }

  async #stop(): Promise<void> {
    if (this.#phase !== 'serving') return;
    const { thread, post, servers, close } = this.#ports;
    const end = performance.now() + patienceMs;
    this.#phase = 'unready';
    post({ type: 'stopping', thread });
    await pause(farewellMs);
    await untilNobodyWaits();
    // An http server's own close would cut idle connections at once, some with a question on its way.
    for (const server of servers) if (server.listening) NetServer.prototype.close.call(server);
    post({ type: 'shut', thread });
    // A connection that ended here while another thread still listened would come back there, and be reset.
    await Promise.race([new Promise<void>((resolve) => (this.#leave = resolve)), pause(othersMs)]);
    this.#phase = 'leaving';
    await Promise.all(servers.map((server) => this.#empty(server, end)));
    await close();
    post({ type: 'drained', thread });
  }

  async #empty(server: HttpServer, end: number): Promise<void> {
    const lingerUntil = performance.now() + lingerMs;
    while ((await connectionsOf(server)) > 0) {
      const now = performance.now();
      if (now > end) server.closeAllConnections();
      else if (now > lingerUntil) {
        await afterPolling();
        server.closeIdleConnections();
      }
      await pause(20);
    }
  }
}

/**
 * Resolves right after the event loop looked at its sockets, in a moment when it has little else to do: who still
 * waited to be accepted would be reset when the server stops listening.
 */
async function untilNobodyWaits(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    const begin = performance.now();
    await afterPolling();
    if (performance.now() - begin < 1) return;
  }
}

const connectionsOf = (server: HttpServer): Promise<number> =>
  new Promise((resolve) => server.getConnections((error, count) => resolve(error ? 0 : count)));
