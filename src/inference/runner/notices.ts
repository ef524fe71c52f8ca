import { BroadcastChannel } from 'node:worker_threads';
import type { QuarantineReason, Serves } from '../engine.ts';

/** A runner that is ready: where it listens and where it leaves its marker. */
export interface RunnerAddress {
  /** `production`, `candidates`, or one of these with `-spare`. */
  readonly id: string;
  readonly serves: Serves;
  /** Takes the requests of other models while the main runner is busy with one. */
  readonly spare: boolean;
  /** Unlike that of any other process, before or after. */
  readonly generation: string;
  readonly pid: number;
  readonly restarts: number;
  readonly socketPath: string;
  readonly markerPath: string;
}

export interface Quarantined {
  readonly digest: string;
  readonly reason: QuarantineReason;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** How a runner came to its end. */
export interface Verdict {
  readonly generation: string;
  /** The model that was at work; absent when none was, or when somebody else killed the process. */
  readonly culprit?: string;
  readonly reason?: QuarantineReason;
}

/** What the threads of a server tell each other about runners. The supervisor sends `state` and `died`. */
export type Notice =
  | { readonly type: 'state'; readonly runners: readonly RunnerAddress[]; readonly quarantined: readonly Quarantined[] }
  | ({ readonly type: 'died' } & Verdict)
  | { readonly type: 'hello' }
  | { readonly type: 'spare'; readonly serves: Serves }
  | { readonly type: 'strike'; readonly digest: string; readonly reason: QuarantineReason }
  | { readonly type: 'release'; readonly digest: string };

/** The threads that share runners, known by the folder of their sockets. */
export class NoticeBoard {
  readonly #channel: BroadcastChannel;

  constructor(directory: string, onNotice: (notice: Notice) => void) {
    this.#channel = new BroadcastChannel(`ai-ops-runners:${directory}`);
    this.#channel.onmessage = (event) => onNotice((event as { data: Notice }).data);
    this.#channel.unref();
  }

  post(notice: Notice): void {
    this.#channel.postMessage(notice);
  }

  close(): void {
    this.#channel.close();
  }
}
