/**
 * Reads where a server is, in the short forms that people write: `host`, `host:port`, `:port`, `[::1]:port`, or a
 * URL with `http:` or `https:` and perhaps a path before its routes.
 *
 * @param defaultPort  for forms without a scheme; with one it is the scheme's own, 80 or 443.
 * @returns            undefined when it is none of these, or holds a login, a query or a fragment.
 * @example hostUrl('10.0.0.5', 11434)?.href // 'http://10.0.0.5:11434/'
 */
export function hostUrl(text: string, defaultPort: number): URL | undefined {
  const given = text.trim();
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(given);
  const url = parse(hasScheme ? given : `http://${given.startsWith(':') ? `127.0.0.1${given}` : given}`);
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username || url.password || url.search || url.hash) return undefined;
  if (!hasScheme && !/:\d+$/.test(given.replace(/\/.*$/, ''))) url.port = String(defaultPort);
  // An address to listen on everywhere is no address to ask.
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
