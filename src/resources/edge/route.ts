import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import type { Action, Caller } from '../policy.ts';
import type { pieceTypes } from './pieces.ts';

/** What a handler gets: checked, and only what its route declares. */
export interface ApiRequest<Query = unknown, Body = unknown> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Nobody only on public routes. */
  readonly caller: Caller;
  readonly requestId: string;
  /** Names of aliases that the body used, with what they stand for. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  /** The body as it arrives; only for routes that read it themselves. */
  readonly incoming: IncomingMessage;
}

export interface Reply {
  readonly status?: number;
  /** Sent as JSON, unless it is a stream. */
  readonly body?: unknown;
  readonly stream?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
  /** Set when a model answered. */
  readonly inferenceId?: string;
}

export interface RouteBody<Body> {
  /** `json` is parsed and checked against the schema; `none` needs no body; `raw` is read by the handler. */
  readonly kind: 'json' | 'raw';
  readonly schema?: z.ZodType<Body>;
  /** Content types of a raw body, for the OpenAPI document. */
  readonly contentTypes?: readonly string[];
  /** The handler also takes `application/x-ndjson`, and reads it itself: then `body` is undefined. */
  readonly lines?: boolean;
  /** The same for `text/csv`. */
  readonly csv?: boolean;
  /** Largest body in bytes; beyond it 413. */
  readonly maxBytes?: number;
  /** Fields that are dropped instead of refused when unknown, at the top level. */
  readonly ignoreUnknown?: boolean;
  readonly description?: string;
  readonly example?: unknown;
  /**
   * Called with the parsed JSON when it does not fit the schema, before the error is answered; it may
   * return another error to answer instead.
   */
  readonly onInvalid?: (app: App, request: ApiRequest<unknown, unknown>, error: Error) => Promise<Error>;
}

export interface Route<Query = unknown, Body = unknown> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Lower-case path with `{name}` for a segment. */
  readonly path: string;
  readonly action: Action;
  readonly tag: string;
  readonly summary: string;
  readonly query?: z.ZodType<Query>;
  readonly body?: RouteBody<Body>;
  /** Schemas of good replies by status. */
  readonly replies: Readonly<
    Record<
      number,
      {
        readonly description: string;
        readonly schema?: z.ZodType;
        readonly contentType?: string;
        readonly pieces?: typeof pieceTypes;
      }
    >
  >;
  handle(app: App, request: ApiRequest<Query, Body>): Promise<Reply>;
}

/** Lets a route's types follow from its schemas. */
export const route = <Query = unknown, Body = unknown>(definition: Route<Query, Body>): Route =>
  definition as unknown as Route;

/** The body of a route that only acts: an empty object, or none at all. */
export const emptyBody = { kind: 'json', schema: z.strictObject({}).optional(), example: {} } as const;
