/** A host, alone or with one of its ports. */
export interface HostPort {
  /** As `URL.hostname` has it: lower case, numbers as an address, IPv6 in brackets. */
  readonly hostname: string;
  /** Every port unless given. */
  readonly port?: number;
}

/**
 * Reads `host` or `host:port`.
 *
 * @returns undefined when the text is neither.
 * @example parseHostPort('Models.example:8080') // { hostname: 'models.example', port: 8080 }
 * @example parseHostPort('[::1]') // { hostname: '[::1]' }
 */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^\s/?#@:[\]\\]+)(?::(\d{1,5}))?$/i.exec(text);
  if (!match || !URL.canParse(`http://${match[1]}/`)) return undefined;
  const { hostname } = new URL(`http://${match[1]}/`);
  if (match[2] === undefined) return { hostname };
  const port = Number(match[2]);
  return port >= 1 && port <= 65_535 ? { hostname, port } : undefined;
}
