import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '../errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { ConnectOptions } from './connect.ts';
import { isPublicAddress } from './public-address.ts';

/** Finds all addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export interface EgressPolicyOptions {
  /** Hosts that may be asked over http and at private addresses. */
  readonly allow?: readonly HostPort[];
  /** The system's resolver unless given. */
  readonly resolve?: Resolve;
}

/**
 * Which URLs the server asks on a caller's word: https to public addresses, and whatever stands in
 * `EGRESS_ALLOW`. A name is resolved once for each connection, every address is checked, and the connection is
 * made to one of those and checked again, so that a name that changes its mind gains nothing.
 */
export class EgressPolicy {
  readonly #allow: readonly HostPort[];
  readonly #resolve: Resolve;

  constructor({ allow = [], resolve = resolveBySystem }: EgressPolicyOptions = {}) {
    this.#allow = allow;
    this.#resolve = resolve;
  }

  /**
   * Reads and checks a URL as far as it shows by itself.
   *
   * @param text  absolute, or relative to `base`.
   * @throws AppError URL_FORBIDDEN
   */
  parse(text: string, base?: URL): URL {
    if (!URL.canParse(text, base?.href)) throw forbidden('expected an absolute URL');
    const url = new URL(text, base);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw forbidden(`expected https, got ${JSON.stringify(url.protocol.slice(0, 32))}`);
    if (url.username !== '' || url.password !== '') throw forbidden('expected a URL without user and password');
    if (this.#isAllowed(url)) return url;
    if (url.protocol === 'http:') throw forbidden('expected https, got http', url);
    const address = addressOf(url);
    if (address !== undefined) this.#checkAddress(url, address);
    return url;
  }

  /** Checks a URL and, should its name resolve, where it leads. @throws AppError URL_FORBIDDEN */
  async check(url: URL): Promise<void> {
    this.parse(url.href);
    if (this.#isAllowed(url) || addressOf(url) !== undefined) return;
    // A name that does not resolve now may do so when it is asked.
    for (const { address } of await this.#resolve(url.hostname).catch(() => [])) this.#checkAddress(url, address);
  }

  /** How a connection to a checked URL is held to this policy. */
  guard(url: URL): Pick<ConnectOptions, 'lookup' | 'checkAddress'> {
    if (this.#isAllowed(url)) return {};
    return {
      lookup: this.#lookupFor(url),
      checkAddress: (address) => this.#checkAddress(url, address),
    };
  }

  #lookupFor(url: URL): LookupFunction {
    return (hostname, { all, family }, callback) => {
      void this.#resolve(hostname).then(
        (addresses) => {
          try {
            for (const { address } of addresses) this.#checkAddress(url, address);
            const wanted = addresses.filter((found) => !family || Number(family) === found.family);
            const [first] = wanted;
            if (!first) throw new Error('the name has no address');
            if (all) callback(null, [...wanted]);
            else callback(null, first.address, first.family);
          } catch (error) {
            callback(error as Error, []);
          }
        },
        (error) => callback(error, []),
      );
    };
  }

  #checkAddress(url: URL, address: string): void {
    if (!isPublicAddress(address)) throw forbidden('it leads to an address that is not public', url);
  }

  #isAllowed(url: URL): boolean {
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    return this.#allow.some((host) => host.hostname === url.hostname && (host.port ?? port) === port);
  }
}

/** The address that a URL names in place of a host; odd spellings were made plain when it was parsed. */
function addressOf({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? undefined : address;
}

const resolveBySystem: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true, verbatim: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    );
  });

function forbidden(why: string, url?: URL): AppError {
  const which = url ? `${url.protocol}//${url.host.slice(0, 256)}` : 'This URL';
  return new AppError(
    'URL_FORBIDDEN',
    `${which} may not be asked: ${why}. Use https to a public address, or have the host listed in EGRESS_ALLOW.`,
  );
}
