import { type ExchangeReply, exchange } from '../../../egress/exchange.ts';
import { peer, refusedBy, upstreamFailed } from './failures.ts';
import { jsonLines, parseReply } from './json-lines.ts';

/** All that is ever asked of an Ollama server while it serves; `/api/pull` and `/api/show` are for the script. */
export type OllamaRoute = '/api/chat' | '/api/generate' | '/api/embed' | '/api/pull' | '/api/show';

export type OllamaObject = Readonly<Record<string, unknown>>;

export interface OllamaQuestion {
  /** Plain JSON, `model` in it. */
  readonly body: OllamaObject & { readonly model: string };
  readonly signal: AbortSignal;
  readonly maxBytes?: number;
}

const maxLineBytes = 4 * 2 ** 20;
const maxReplyBytes = 16 * 2 ** 20;

/** An Ollama server, spoken to in its own protocol. Every question has a connection of its own, closed with it. */
export class OllamaServer {
  readonly #host: URL;

  /** @param host  as the configuration has it; nothing that callers or models say changes it. */
  constructor(host: URL) {
    this.#host = host;
  }

  /**
   * Asks, and gives the objects of the answer as they come: one, or many when it streams. Leaving the loop early
   * ends the exchange, and with it the server's work.
   *
   * @throws AppError UPSTREAM_FAILED, UPSTREAM_UNAVAILABLE, MODEL_UNAVAILABLE, INVALID_INPUT, or the signal's reason
   */
  async *ask(
    route: OllamaRoute,
    { body, signal, maxBytes = maxReplyBytes }: OllamaQuestion,
  ): AsyncGenerator<OllamaObject> {
    const reply = await exchange({
      method: 'POST',
      url: this.#url(route),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      peer,
      signal,
      maxBytes,
    });
    if (reply.status !== 200) {
      reply.close();
      throw refusedBy(reply.status, body.model, reply.headers['retry-after']);
    }
    for await (const value of valuesOf(reply)) yield objectOf(value);
  }

  /** @throws AppError UPSTREAM_FAILED, UPSTREAM_UNAVAILABLE, or the signal's reason */
  async version(signal: AbortSignal): Promise<string> {
    const { version } = await this.#get('/api/version', signal);
    if (typeof version !== 'string') throw upstreamFailed('does not say its version');
    return version.slice(0, 64);
  }

  /** Names of the models it has, newest first. @throws AppError as `version` */
  async tags(signal: AbortSignal): Promise<string[]> {
    const { models } = await this.#get('/api/tags', signal);
    if (!Array.isArray(models)) throw upstreamFailed('does not list its models');
    return models.flatMap((model: unknown) => {
      const { name } = (model ?? {}) as { name?: unknown };
      return typeof name === 'string' ? [name] : [];
    });
  }

  async #get(route: '/api/version' | '/api/tags', signal: AbortSignal): Promise<OllamaObject> {
    const reply = await exchange({ method: 'GET', url: this.#url(route), peer, signal, maxBytes: maxReplyBytes });
    if (reply.status !== 200) {
      reply.close();
      throw refusedBy(reply.status === 404 ? 500 : reply.status, '', reply.headers['retry-after']);
    }
    for await (const value of valuesOf(reply)) return objectOf(value);
    throw upstreamFailed('answered with nothing');
  }

  #url(route: string): URL {
    return new URL(route.slice(1), this.#host);
  }
}

async function* valuesOf({ headers, body }: ExchangeReply): AsyncGenerator<unknown> {
  if (headers['content-type']?.startsWith('application/x-ndjson')) {
    yield* jsonLines(body, maxLineBytes);
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  yield parseReply(Buffer.concat(chunks));
}

/** Trouble after the first line comes as a line of its own, under status 200. */
function objectOf(value: unknown): OllamaObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw upstreamFailed('answered with what is no object');
  }
  if ('error' in value)
    throw upstreamFailed('ended its answer with an error', new Error(String(value.error).slice(0, 1000)));
  return value as OllamaObject;
}
