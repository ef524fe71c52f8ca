import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { AppError } from '../../errors.ts';
import { SharedBuckets } from '../../lib/shared-buckets.ts';
import { addressOf } from './address.ts';

const perMinute = 10;
/** Of one address under all names together, which stands for many people when there is a proxy. */
const perMinuteOfAddress = 100;
const keys = 16_384;

/** Bytes that all threads share for failed logins. */
export const loginGuardBytes: number = 2 * SharedBuckets.bytes(keys);

/** A login that is being tried; told how it went. */
export interface Attempt {
  readonly ended: (well: boolean) => void;
}

/**
 * Limits guesses of passwords to 10 a minute for a user name and address, and 100 for an address, on all threads
 * together. Beyond that a login is refused before its password is looked at, so that a right guess is not told from
 * a wrong one; a login that was good here before passes, so that guessing locks out nobody who is at work. Tokens
 * cannot be guessed and are not counted.
 */
export class LoginGuard {
  readonly #names: SharedBuckets;
  readonly #addresses: SharedBuckets;
  readonly #good = new LRUCache<string, true>({ max: 1_000, ttl: 60 * 60_000 });
  /** What a connection logged in with last: requests that follow on it cost nothing. */
  readonly #goodOn = new WeakMap<Socket, string>();
  /** Passwords under examination now, by name and address: the same one many times is one guess. */
  readonly #trying = new Map<string, Map<string, number>>();

  constructor(memory: ArrayBufferLike, nowMs: () => number) {
    const half = memory.byteLength / 2;
    const rule = (count: number) => ({ perSecond: count / 60, burst: count });
    this.#names = new SharedBuckets(memory, rule(perMinute), nowMs, { bytes: half });
    this.#addresses = new SharedBuckets(memory, rule(perMinuteOfAddress), nowMs, { offset: half, bytes: half });
  }

  /**
   * @returns undefined when there is no password to guess.
   * @throws  AppError RATE_LIMITED
   */
  enter(incoming: IncomingMessage): Attempt | undefined {
    const { headers, socket } = incoming;
    const { authorization } = headers;
    if (authorization === undefined) return undefined;
    if (this.#goodOn.get(socket) === authorization) return { ended: (well) => void (well || this.#forget(incoming)) };
    const username = usernameOf(authorization);
    if (username === undefined) return undefined;
    const digest = createHash('sha256').update(authorization).digest('base64');
    const address = addressOf(incoming);
    const name = `${address} ${username}`;
    const fail = () => {
      this.#good.delete(digest);
      this.#names.charge(name);
      this.#addresses.charge(address);
    };
    const isKnown = this.#good.has(digest);
    if (!isKnown) this.#refuseBeyond(name, address, digest);
    const leave = isKnown ? undefined : this.#try(name, digest);
    return {
      ended: (well) => {
        leave?.();
        if (!well) return fail();
        this.#good.set(digest, true);
        this.#goodOn.set(socket, authorization);
      },
    };
  }

  /** A login that was good on this connection has failed: it is tried like any other, so that its failure counts. */
  #forget(incoming: IncomingMessage): void {
    this.#goodOn.delete(incoming.socket);
    this.enter(incoming)?.ended(false);
  }

  #refuseBeyond(name: string, address: string, digest: string): void {
    const trying = this.#trying.get(name);
    const others = (trying?.size ?? 0) - (trying?.has(digest) ? 1 : 0);
    const [byName, byAddress] = [this.#names.look(name), this.#addresses.look(address)];
    if (byName.remaining > others && byAddress.remaining > 0) return;
    throw new AppError(
      'RATE_LIMITED',
      'Too many logins failed from this address. Wait as long as Retry-After says, then check user and password.',
      { retryAfterSeconds: Math.max(1, Math.ceil(Math.max(byName.waitMs, byAddress.waitMs) / 1000)) },
    );
  }

  #try(name: string, digest: string): () => void {
    const trying = this.#trying.get(name) ?? new Map<string, number>();
    this.#trying.set(name, trying);
    trying.set(digest, (trying.get(digest) ?? 0) + 1);
    return () => {
      const left = (trying.get(digest) ?? 1) - 1;
      if (left > 0) trying.set(digest, left);
      else trying.delete(digest);
      if (trying.size === 0) this.#trying.delete(name);
    };
  }
}

/** The user that Basic credentials name, as Harper reads them; undefined when there is none, so nothing to guess. */
function usernameOf(authorization: string | undefined): string | undefined {
  const encoded = /^Basic\s+(\S+)/.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('latin1');
  // Without a colon Harper takes all but the last letter.
  return text.slice(0, text.indexOf(':')) || undefined;
}
