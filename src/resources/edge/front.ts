import type { IncomingMessage } from 'node:http';
import type { App } from '../../app/create-app.ts';
import { AppError } from '../../errors.ts';
import { allows, policy } from '../policy.ts';
import type { AccessLog } from './access-log.ts';
import { echoAliases, resolveAliases } from './aliases.ts';
import { callerOf } from './caller.ts';
import { canAnswer } from './can-answer.ts';
import { isCsv } from './csv.ts';
import { drain } from './drain.ts';
import { refuseForeignHost, refuseForeignPage } from './foreign-page.ts';
import type { HarperRequest, HarperResponse, Next } from './harper-http.ts';
import { jsonBody } from './json-body.ts';
import type { Attempt, LoginGuard } from './login-guard.ts';
import { isNdjson } from './ndjson.ts';
import { parseQuery } from './parse-query.ts';
import type { Counted, RateLimit } from './rate-limit.ts';
import { readJson } from './read-json.ts';
import { isRequestId, requestIdOf } from './request-id.ts';
import { problem } from './respond.ts';
import type { ApiRequest, Reply, Route, RouteBody } from './route.ts';
import type { Match, Router } from './router.ts';
import { validate } from './validate.ts';

const defaultMaxBytes = 10_000_000;

/** What every reply says to browsers and caches. */
const safeHeaders = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** Who else stands at the door; each may be missing. */
export interface Doorkeepers {
  readonly rateLimit?: RateLimit | undefined;
  readonly logins?: LoginGuard | undefined;
  readonly access?: AccessLog | undefined;
  /** Whether a connection ends with its reply, for the server is about to stop. */
  readonly isLeaving?: () => boolean;
}

/**
 * The way in. `outer` stands before Harper's login, to give every request an id and to turn what Harper
 * itself answers (a failed login, an unknown path, a crash) into our kind of reply; `inner` stands behind
 * it and serves our routes.
 */
export class Front {
  readonly #app: App;
  readonly #router: Router;
  readonly #doorkeepers: Doorkeepers;
  readonly #ours = new WeakSet<HarperResponse>();
  readonly #attempts = new WeakMap<HarperRequest, Attempt>();
  readonly #loggedIn = new WeakSet<HarperRequest>();

  constructor(app: App, router: Router, doorkeepers: Doorkeepers = {}) {
    this.#app = app;
    this.#router = router;
    this.#doorkeepers = doorkeepers;
  }

  readonly outer = async (request: HarperRequest, next: Next): Promise<HarperResponse | undefined> => {
    const { access, logins, isLeaving } = this.#doorkeepers;
    const incoming = request._nodeRequest;
    access?.begin(incoming, request._nodeResponse, requestIdOf(incoming));
    if (isLeaving?.()) request._nodeResponse.shouldKeepAlive = false;
    try {
      const attempt = logins?.enter(incoming);
      if (attempt) this.#attempts.set(request, attempt);
    } catch (error) {
      return this.#turnAway(request, error);
    }
    const response = await this.#passOn(request, next);
    this.#attempts.get(request)?.ended(false);
    return response;
  };

  async #passOn(request: HarperRequest, next: Next): Promise<HarperResponse | undefined> {
    let response: HarperResponse | undefined;
    try {
      response = await next(request);
    } catch (error) {
      const requestId = requestIdOf(request._nodeRequest);
      // Harper words the refusal of a login in a type that the caller accepts, and breaks when it knows none.
      const isLogin = request._nodeRequest.headers.authorization !== undefined && !this.#loggedIn.has(request);
      const failure = isLogin ? loginFailed() : error;
      return this.#harperReply(request, this.#failure(failure, requestId), requestId);
    }
    if (!response || this.#ours.has(response)) return response;
    const refusal = refusalFor(response);
    if (!refusal) return response;
    const refused = this.#turnAway(request, refusal);
    keepOrigin(response.headers, refused.headers);
    return refused;
  }

  /** Answers a request that our routes do not see; who has no login is counted by address. */
  #turnAway(request: HarperRequest, error: unknown): HarperResponse {
    const incoming = request._nodeRequest;
    const requestId = requestIdOf(incoming);
    const counted = this.#loggedIn.has(request) ? undefined : this.#doorkeepers.rateLimit?.count(incoming, undefined);
    if (!incoming.complete) drain(incoming);
    const reply = this.#failure(counted?.refusal ?? error, requestId);
    return this.#harperReply(request, withHeaders(reply, counted?.headers), requestId);
  }

  readonly inner = async (request: HarperRequest, next: Next): Promise<HarperResponse | undefined> => {
    this.#loggedIn.add(request);
    this.#attempts.get(request)?.ended(Boolean(request.user));
    this.#attempts.delete(request);
    const incoming = request._nodeRequest;
    const context = { requestId: requestIdOf(incoming), aliases: {} };
    let reply: Reply;
    let limited: Counted | undefined;
    try {
      const match = this.#match(request);
      limited = this.#count(request, match instanceof AppError ? undefined : match?.route);
      if (limited?.refusal) throw limited.refusal;
      if (match instanceof AppError) throw match;
      if (!match) return await next(request);
      reply = await this.#serve(request, match, context);
    } catch (error) {
      reply = this.#failure(error, context.requestId);
    }
    reply = withHeaders(reply, limited?.headers);
    if (!incoming.complete) drain(incoming);
    return this.#harperReply(request, { ...reply, body: echoAliases(reply.body, context.aliases) }, context.requestId);
  };

  /** A malformed path is a match for nothing, but is counted like every request. */
  #match(request: HarperRequest): Match | AppError | undefined {
    try {
      return this.#router.match(request.method, pathOf(request.url));
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  #count(request: HarperRequest, route: Route | undefined): Counted | undefined {
    const { access, rateLimit } = this.#doorkeepers;
    const username = request.user ? (request.user.username ?? 'unknown') : undefined;
    if (access) {
      const caller = username ?? null;
      access.note(request._nodeRequest, { caller, route: route ? `${route.method} ${route.path}` : null });
    }
    // Whoever watches over this server must get an answer.
    return route?.action === 'health.read' ? undefined : rateLimit?.count(request._nodeRequest, username);
  }

  async #serve(request: HarperRequest, { route, params, methods }: Match, context: Context): Promise<Reply> {
    const caller = callerOf(request.user);
    const action = route?.action;
    if (!caller && !(action && policy[action] === 'public'))
      throw new AppError('UNAUTHENTICATED', 'This route needs a login: Basic, or Bearer with a token.');
    if (!route) {
      throw new AppError('METHOD_NOT_ALLOWED', `Expected ${methods.join(', ')}, got ${request.method}.`, {
        facts: { allow: methods },
      });
    }
    if (policy[route.action] !== 'public') refuseForeignHost(request._nodeRequest);
    refuseForeignPage(request._nodeRequest, this.#app.config.CORS_ORIGINS);
    if (!allows(route.action, caller === 'stranger' ? undefined : caller)) {
      throw new AppError(
        'FORBIDDEN',
        `Your role may not do this (${route.action} needs ${policy[route.action]} or higher).`,
      );
    }
    if (!canAnswer(route, request._nodeRequest.headers.accept)) {
      throw new AppError('NOT_ACCEPTABLE', 'This route answers application/json. Accept it, or send no Accept header.');
    }
    const known = caller === 'stranger' || !caller ? { username: 'anonymous', role: 'viewer' as const } : caller;
    const base = {
      params,
      caller: known,
      headers: request._nodeRequest.headers,
      incoming: request._nodeRequest,
      requestId: context.requestId,
      aliases: context.aliases,
    };
    const query = route.query ? parseQuery(route.query, request.url) : undefined;
    const isRead = route.body?.kind === 'json' && !readsItself(route.body, request._nodeRequest);
    const body = isRead ? await this.#readBody(route, { ...base, query, body: undefined }, context) : undefined;
    return route.handle(this.#app, { ...base, query, body, requestId: context.requestId, aliases: context.aliases });
  }

  async #readBody(route: Route, request: ApiRequest, context: Context): Promise<unknown> {
    const { schema, maxBytes = defaultMaxBytes, onInvalid } = route.body ?? {};
    const given = await readJson(request.incoming, maxBytes);
    if (isRecord(given) && isRequestId(given.requestId)) context.requestId = given.requestId;
    if (!schema) return given;
    try {
      if (!isRecord(given)) return validate(schema, given, 'body');
      const { value, used } = resolveAliases(given, fieldsOf(schema));
      context.aliases = used;
      return validate(schema, value, 'body');
    } catch (error) {
      const answered = { ...request, requestId: context.requestId, body: given };
      throw onInvalid && error instanceof Error ? await onInvalid(this.#app, answered, error) : error;
    }
  }

  #failure(error: unknown, requestId: string): Reply {
    const reply = problem(error, requestId);
    if (!(error instanceof AppError)) this.#app.log('error', 'a request broke', error, { requestId });
    else if (error.code === 'INTERNAL' && error.cause === undefined)
      this.#app.log('error', error.message, undefined, { requestId });
    else if (error.code !== 'INTERNAL' && (reply.status ?? 200) >= 500)
      this.#app.log('warn', `a request was answered ${error.code}`, undefined, { requestId });
    return reply;
  }

  #harperReply(
    request: HarperRequest,
    { status = 200, body, stream, headers, inferenceId }: Reply,
    requestId: string,
  ): HarperResponse {
    const text = stream === undefined && body !== undefined ? jsonBody(body) : undefined;
    const all: Record<string, string> = {
      ...safeHeaders,
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...headers,
      'x-request-id': requestId,
      ...(inferenceId !== undefined && { 'x-inference-id': inferenceId }),
    };
    if (this.#doorkeepers.access) {
      const code = (body as { code?: string } | undefined)?.code;
      this.#doorkeepers.access.note(request._nodeRequest, {
        requestId,
        inferenceId,
        ...(status >= 400 && { code }),
      });
    }
    const allow = (body as { allow?: readonly string[] } | undefined)?.allow;
    if (status === 405 && allow) all.allow = allow.join(', ');
    // Harper's login adds to the headers of a 401 and of replies to other origins, through this class's methods.
    const sent = status === 401 || request._nodeRequest.headers.origin !== undefined ? new Headers(all) : all;
    const isHead = request.method === 'HEAD';
    if (isHead) stream?.destroy();
    const response = { status, headers: sent, ...(!isHead && { body: stream ?? text }) };
    this.#ours.add(response);
    return response;
  }
}

/** What Harper answers in its own way and we in ours. */
function refusalFor({ status }: HarperResponse): AppError | undefined {
  if (status === -1)
    return new AppError('NOT_FOUND', 'Nothing is served at this path. GET /openapi.json lists all routes.');
  return status === 401 ? loginFailed() : undefined;
}

const loginFailed = () =>
  new AppError('UNAUTHENTICATED', 'The login failed: check user and password, or get a new token.');

/** Harper's login says which other origin may read a reply; ours in its place says the same. */
function keepOrigin(from: unknown, to: unknown): void {
  if (!(to instanceof Headers)) return;
  for (const name of ['access-control-allow-origin', 'access-control-allow-credentials']) {
    const value = (from as Partial<Headers> | undefined)?.get?.(name);
    if (value) to.set(name, value);
  }
}

const withHeaders = (reply: Reply, headers: Readonly<Record<string, string>> | undefined): Reply =>
  headers ? { ...reply, headers: { ...reply.headers, ...headers } } : reply;

interface Context {
  requestId: string;
  aliases: Readonly<Record<string, string>>;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const pathOf = (url: string): string => {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
};

/** Whether the handler reads a body of this type, line by line or row by row. */
const readsItself = ({ lines, csv }: RouteBody<unknown>, incoming: IncomingMessage): boolean =>
  (lines === true && isNdjson(incoming)) || (csv === true && isCsv(incoming));

const fieldNames = new WeakMap<object, ReadonlySet<string>>();

function fieldsOf(schema: object): ReadonlySet<string> {
  const known = fieldNames.get(schema);
  if (known) return known;
  const { shape } = schema as { shape?: object };
  const names = new Set(Object.keys(shape ?? {}));
  fieldNames.set(schema, names);
  return names;
}
