import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { EgressPolicy } from '../../egress/egress-policy.ts';
import type { ExchangeReply } from '../../egress/exchange.ts';
import { guardedGet } from '../../egress/guarded-exchange.ts';
import { AppError } from '../../errors.ts';
import { FinalError, mayPass } from '../../jobs/retry.ts';
import type { Gathering } from './fetch-request.ts';

export interface DownloadOptions extends Gathering {
  readonly policy: EgressPolicy;
  readonly maxBytes: number;
  readonly tooLarge: () => AppError;
  /** Milliseconds for all of it; an hour unless said. */
  readonly deadlineMs?: number;
  /** Milliseconds without a byte after which a connection counts as broken; 30 s unless said. */
  readonly idleTimeoutMs?: number;
  /** Milliseconds before the first try to go on; 500 unless said, doubling while nothing comes. */
  readonly pauseMs?: number;
}

/** Tries to go on that may bring nothing, one after the other. */
const fruitlessTries = 4;

/**
 * The bytes of a URL. A download that breaks off goes on where it was, from a server that knows ranges; from any
 * other the file is read again and compared on the way, so that two versions of a file never become one.
 *
 * @throws AppError URL_FORBIDDEN, MODEL_TOO_LARGE, UPSTREAM_UNAVAILABLE (a FinalError when trying again is of no
 *         use), or the signal's reason.
 */
export async function* download(url: URL, options: DownloadOptions): AsyncGenerator<Buffer> {
  const { signal, maxBytes, tooLarge, onProgress, deadlineMs = 3_600_000, pauseMs = 500 } = options;
  const until = Date.now() + deadlineMs;
  const hash = createHash('sha256');
  let done = 0;
  let total: number | null = null;
  let validator: string | undefined;
  let fruitless = 0;
  for (;;) {
    const before = done;
    try {
      const reply = await get(url, done, validator, options);
      total ??= totalOf(reply);
      if (done === 0) validator = validatorOf(reply);
      if ((total ?? 0) > maxBytes) throw tooLarge();
      for await (const chunk of await restOf(reply, done, hash.copy().digest('hex'), url)) {
        if (Date.now() > until) throw slow(url);
        done += chunk.length;
        if (done > maxBytes) throw tooLarge();
        hash.update(chunk);
        onProgress(done, total);
        yield chunk;
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      fruitless = done > before ? 0 : fruitless + 1;
      // What never began to come, the whole job tries again later.
      if (!mayPass(error) || done === 0) throw unavailable(url, error);
      if (fruitless >= fruitlessTries || Date.now() > until) throw brokenOff(url, done, error);
      await pause(pauseMs * 2 ** fruitless, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

async function get(url: URL, from: number, validator: string | undefined, options: DownloadOptions) {
  const { policy, signal, idleTimeoutMs = 30_000 } = options;
  const headers = {
    accept: '*/*',
    'accept-encoding': 'identity',
    'user-agent': 'ai-ops',
    ...(from > 0 && validator !== undefined && { range: `bytes=${from}-`, 'if-range': validator }),
  };
  const reply = await guardedGet({ policy, url, headers, signal, idleTimeoutMs, maxBytes: Number.POSITIVE_INFINITY });
  try {
    checkReply(reply, from, url);
    return reply;
  } catch (error) {
    reply.close();
    throw error;
  }
}

function checkReply({ status, headers }: ExchangeReply, from: number, url: URL): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw refused(url, 'sends the file packed, which was not asked for');
  if (status === 200) return;
  if (status === 206 && from > 0) {
    if (new RegExp(`^bytes ${from}-`).test(headers['content-range'] ?? '')) return;
    throw refused(url, 'sends another part of the file than was asked for');
  }
  const passes = status === 408 || status === 425 || status === 429 || status >= 500;
  if (!passes) throw refused(url, `answered ${status}`);
  const asked = Number(headers['retry-after']);
  throw new AppError('UPSTREAM_UNAVAILABLE', `${url.host} answered ${status} in place of the file. Try later.`, {
    retryAfterSeconds: asked > 0 && asked < 3600 ? asked : 5,
  });
}

/** What comes after the bytes that are there already. @param digest  sha256 of those, hexadecimal */
async function* restOf(reply: ExchangeReply, done: number, digest: string, url: URL): AsyncGenerator<Buffer> {
  if (reply.status === 206 || done === 0) {
    yield* reply.body;
    return;
  }
  const again = createHash('sha256');
  let skip = done;
  for await (const chunk of reply.body) {
    const known = chunk.subarray(0, skip);
    skip -= known.length;
    again.update(known);
    if (skip > 0) continue;
    if (known.length > 0 && again.digest('hex') !== digest) throw changed(url);
    if (known.length < chunk.length) yield chunk.subarray(known.length);
  }
  if (skip > 0) throw changed(url);
}

function totalOf({ status, headers }: ExchangeReply): number | null {
  const text = status === 206 ? /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] : headers['content-length'];
  return text === undefined ? null : Number(text);
}

/** What tells one version of a file from the next; weak tags do not. */
function validatorOf({ headers: { etag, 'last-modified': modified } }: ExchangeReply): string | undefined {
  return etag !== undefined && !etag.startsWith('W/') ? etag : modified;
}

const refused = (url: URL, why: string): FinalError =>
  new FinalError(
    new AppError('UPSTREAM_UNAVAILABLE', `${url.host} ${why}. Check that the reference names a file anyone may get.`),
  );

const changed = (url: URL): FinalError => refused(url, 'changed the file while it was downloaded');

const slow = (url: URL): FinalError =>
  new FinalError(new AppError('UPSTREAM_UNAVAILABLE', `${url.host} is too slow to send the file in time. Try later.`));

const brokenOff = (url: URL, done: number, cause: unknown): AppError =>
  new AppError(
    'UPSTREAM_UNAVAILABLE',
    `The download from ${url.host} broke off after ${done} bytes and could not go on. Try later.`,
    { cause, retryAfterSeconds: 5 },
  );

/** A reply that was no HTTP, or ended at once, counts as none. */
function unavailable(url: URL, error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'UPSTREAM_FAILED') return error;
  const message = `Expected a file from ${url.host}, it did not answer as it should. Try later.`;
  return new AppError('UPSTREAM_UNAVAILABLE', message, { cause: error, retryAfterSeconds: 5 });
}
