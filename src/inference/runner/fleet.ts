import type { Serves } from '../engine.ts';
import type { Call } from './call.ts';
import { RunnerConnection } from './connection.ts';
import { readMarker } from './marker.ts';
import type { RunnerReply } from './messages.ts';
import type { RunnerAddress } from './notices.ts';

/** A runner that busies itself with one model for so long makes the requests of others look for a spare. */
export const STUCK_AFTER_MS = 150;

/** A runner as one client sees it: its socket, and the calls that wait there. */
export class RunnerLink {
  readonly address: RunnerAddress;
  readonly connection: RunnerConnection;
  readonly calls = new Map<number, Call>();
  /** The model that has kept the runner busy for too long, when last looked. */
  stuckOn: string | undefined;

  constructor(
    address: RunnerAddress,
    onReply: (link: RunnerLink, reply: RunnerReply, body: Buffer) => void,
    onClose: (link: RunnerLink) => void,
  ) {
    this.address = address;
    this.connection = new RunnerConnection(address, {
      onReply: (reply, body) => onReply(this, reply, body),
      onClose: () => onClose(this),
    });
  }

  send(call: Call, now: number): void {
    call.waitingSince = now;
    this.calls.set(call.id, call);
    call.sendTo(this.connection);
  }

  /** Takes a call back; the runner drops it if it has not begun. */
  withdraw(call: Call): void {
    if (this.calls.delete(call.id)) this.connection.send({ op: 'cancel', id: call.id });
  }

  /** Looks into the runner's marker, but only when somebody has waited long enough to wonder. */
  look(now: number): void {
    let wonders = this.stuckOn !== undefined;
    if (!wonders) {
      for (const { waitingSince } of this.calls.values()) {
        wonders = now - waitingSince > STUCK_AFTER_MS;
        // Calls stand in the order in which they were sent, so the first has waited longest.
        break;
      }
    }
    if (!wonders) return;
    const marker = readMarker(this.address.markerPath);
    const stuck = marker && marker.phase !== 'idle' && now - marker.startedAt > STUCK_AFTER_MS;
    this.stuckOn = stuck ? marker.digest : undefined;
  }
}

export interface FleetHandlers {
  readonly onReply: (link: RunnerLink, reply: RunnerReply, body: Buffer) => void;
  /** A link is gone, with the calls that waited there. */
  readonly onLost: (link: RunnerLink) => void;
}

/** The runners that one client can reach now. */
export class Fleet {
  readonly #links = new Map<string, RunnerLink>();
  readonly #handlers: FleetHandlers;
  /** Links whose socket closed before the supervisor noticed that the runner was gone. */
  readonly #gone = new Set<string>();

  constructor(handlers: FleetHandlers) {
    this.#handlers = handlers;
  }

  /** Connects to runners that are new and lets go of retired spares once nobody waits there. */
  update(runners: readonly RunnerAddress[]): void {
    const listed = new Set(runners.map(({ generation }) => generation));
    for (const generation of this.#gone) if (!listed.has(generation)) this.#gone.delete(generation);
    for (const address of runners) {
      if (this.#gone.has(address.generation) || this.#links.has(address.generation)) continue;
      const link = new RunnerLink(address, this.#handlers.onReply, (closed) => this.#lose(closed));
      this.#links.set(address.generation, link);
    }
    for (const [generation, link] of this.#links) {
      if (listed.has(generation) || link.calls.size > 0) continue;
      this.#links.delete(generation);
      link.connection.close();
    }
  }

  links(): IterableIterator<RunnerLink> {
    return this.#links.values();
  }

  find(serves: Serves, spare: boolean): RunnerLink | undefined {
    for (const link of this.#links.values()) {
      if (link.address.serves === serves && link.address.spare === spare) return link;
    }
    return undefined;
  }

  /** The runner for a model: the spare while the main runner is stuck on another one, else the main runner. */
  route(serves: Serves, digest: string): RunnerLink | undefined {
    const main = this.find(serves, false);
    if (main?.stuckOn === undefined || main.stuckOn === digest) return main;
    return this.find(serves, true) ?? main;
  }

  close(): void {
    for (const link of this.#links.values()) link.connection.close();
    this.#links.clear();
  }

  #lose(link: RunnerLink): void {
    const { generation } = link.address;
    if (this.#links.delete(generation)) this.#gone.add(generation);
    this.#handlers.onLost(link);
  }
}
