import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { App } from '../../src/app/create-app.ts';
import { Front } from '../../src/resources/edge/front.ts';
import type { HarperRequest, HarperResponse } from '../../src/resources/edge/harper-http.ts';
import { Router } from '../../src/resources/edge/router.ts';
import type { Role } from '../../src/resources/policy.ts';
import { routes } from '../../src/resources/routes/index.ts';

export interface Asked {
  readonly role?: Role | 'nobody' | 'stranger';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as Harper hands it on, without Harper. An object is sent as JSON, a text or bytes as they are. */
export function harperRequest(
  method: string,
  url: string,
  { role = 'admin', body, headers = {} }: Asked = {},
): HarperRequest {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = body === undefined ? [] : [Buffer.from(isRaw ? (body as string) : JSON.stringify(body))];
  const sent = { ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }), ...headers };
  const incoming = Object.assign(Readable.from(bytes), {
    headers: sent,
    method,
    url,
    complete: true,
    socket: new EventEmitter(),
  });
  const user = role === 'nobody' ? null : { username: role, role: { role } };
  return { method, url, user, _nodeRequest: incoming as unknown as IncomingMessage, _nodeResponse: {} as never };
}

/** The reply of our routes, its body parsed when it is JSON. */
export async function ask(app: App, method: string, url: string, asked: Asked = {}) {
  const unserved = async (): Promise<HarperResponse> => ({ status: -1 });
  const response = await new Front(app, new Router(routes)).inner(harperRequest(method, url, asked), unserved);
  return readable(response);
}

export async function readable(response: HarperResponse | undefined) {
  const { status = 0, headers, body } = response ?? {};
  const named = Object.fromEntries(new Headers(headers as Record<string, string>));
  const sent = body instanceof Readable ? await text(body) : body;
  const isJson = /[/+]json$/.test(named['content-type'] ?? '') && sent !== undefined;
  return { status, headers: named, body: isJson ? JSON.parse(String(sent)) : sent };
}
