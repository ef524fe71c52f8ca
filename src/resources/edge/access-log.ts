import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LogFields } from '../../lib/structured-log.ts';

/** What becomes known of a request while it is served. */
export interface Visit {
  requestId: string;
  /** Who asks; null for nobody, and for a login that failed. */
  caller: string | null;
  /** The route as the table of routes writes it; never the path, which may hold anything. */
  route: string | null;
  code?: string | undefined;
  inferenceId?: string | undefined;
}

/** One line for each request, when its last byte is sent or its connection is gone. */
export class AccessLog {
  readonly #write: (fields: LogFields) => void;
  readonly #visits = new WeakMap<IncomingMessage, Visit>();

  constructor(write: (fields: LogFields) => void) {
    this.#write = write;
  }

  begin(incoming: IncomingMessage, response: ServerResponse, requestId: string): void {
    const visit: Visit = { requestId, caller: null, route: null };
    const begun = performance.now();
    const { socket, method } = incoming;
    const sentBefore = socket.bytesWritten;
    this.#visits.set(incoming, visit);
    response.once('close', () => {
      this.#write({
        requestId: visit.requestId,
        caller: visit.caller,
        method: method ?? null,
        route: visit.route,
        status: response.headersSent ? response.statusCode : null,
        durationMs: Math.round((performance.now() - begun) * 1000) / 1000,
        bytes: Math.max(0, socket.bytesWritten - sentBefore),
        complete: response.writableFinished,
        ...(visit.inferenceId !== undefined && { inferenceId: visit.inferenceId }),
        ...(visit.code !== undefined && { code: visit.code }),
      });
    });
  }

  note(incoming: IncomingMessage, known: Partial<Visit>): void {
    const visit = this.#visits.get(incoming);
    if (visit) Object.assign(visit, known);
  }
}
