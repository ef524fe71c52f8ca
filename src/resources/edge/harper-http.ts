import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { HarperUser } from './caller.ts';

/** The part of Harper's request that we use; its own types leave most of it out. */
export interface HarperRequest {
  readonly method: string;
  readonly url: string;
  readonly user?: HarperUser | null;
  readonly _nodeRequest: IncomingMessage;
  readonly _nodeResponse: ServerResponse;
}

/** What Harper's HTTP chain passes back; status -1 means that nobody answered. */
export interface HarperResponse {
  status: number;
  headers?: unknown;
  body?: unknown;
}

export type Next = (request: HarperRequest) => Promise<HarperResponse | undefined>;

export interface HarperServer {
  readonly workerIndex?: number;
  /** @returns the servers on which the listener was put. */
  http(
    listener: (request: HarperRequest, next: Next) => Promise<HarperResponse | undefined>,
    options?: { runFirst?: boolean },
  ): readonly Server[];
}
