import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:http';
import { type AddressInfo, BlockList, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EgressPolicy } from '../../src/egress/egress-policy.ts';
import { exchange } from '../../src/egress/exchange.ts';
import { guardedGet } from '../../src/egress/guarded-exchange.ts';
import { codeOf, refusal } from '../support/codes.ts';

const v4 = (...addresses: string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
/** Real names are not asked: what each resolves to is said. */
const policyFor = (addresses: Readonly<Record<string, readonly LookupAddress[]>>, allow: string[] = []) =>
  new EgressPolicy({
    allow: allow.map((hostname) => ({ hostname })),
    resolve: async (hostname) => addresses[hostname] ?? Promise.reject(new Error('ENOTFOUND')),
  });

describe('URLs that show what they are', () => {
  const policy = policyFor({});
  it.each([
    'http://169.254.169.254/',
    'https://169.254.169.254/latest/meta-data',
    'file:///etc/passwd',
    'gopher://8.8.8.8/',
    'ftp://8.8.8.8/x',
    'data:text/plain,x',
    'javascript:1',
    'http://[::ffff:127.0.0.1]/',
    'https://[::ffff:127.0.0.1]/',
    'http://0x7f.1/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://2130706433/',
    'https://127.1/',
    'https://0/',
    'https://①②⑦.0.0.1/',
    'https://[::1]/',
    'https://[::]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[fd00::1]/',
    'https://user:pass@models.example/',
    'https://user@models.example/',
    'http://models.example/',
    'http://8.8.8.8/',
    'models.example/x',
    '//models.example',
    '/etc/passwd',
    '',
    'https://',
    'https:///',
    'https://models.example:99999/',
    'HTTP://8.8.8.8',
  ])('%j is refused', (text) => expect(codeOf(() => policy.parse(text))).toBe('URL_FORBIDDEN'));

  it.each([
    'https://models.example/a.onnx',
    'https://8.8.8.8/a',
    'https://[2606:4700::1]/',
    'HTTPS://Models.Example:8443/a?b=c',
  ])('%j may be asked', (text) => expect(policy.parse(text).protocol).toBe('https:'));

  it('is refused for every spelling of an address that is not public', () => {
    const inside = new BlockList();
    inside.addSubnet('127.0.0.0', 8);
    inside.addSubnet('10.0.0.0', 8);
    inside.addSubnet('192.168.0.0', 16);
    inside.addSubnet('169.254.0.0', 16);
    const address = fc.oneof(
      fc.tuple(fc.constantFrom(127, 10), fc.nat(255), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.constant(192), fc.constant(168), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.constant(169), fc.constant(254), fc.nat(255), fc.nat(255)),
    );
    const inBase = (part: number, base: number) =>
      base === 16 ? `0x${part.toString(16)}` : base === 8 ? `0${part.toString(8)}` : String(part);
    fc.assert(
      fc.property(
        address,
        fc.array(fc.constantFrom(8, 10, 16), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('', '.'),
        (parts, bases, count, end) => {
          // The last part may hold all that the missing parts would.
          const last = parts.slice(count - 1).reduce((sum, part) => sum * 256 + part, 0);
          const shown = [...parts.slice(0, count - 1), last].map((part, index) => inBase(part, bases[index] ?? 10));
          const text = `https://${shown.join('.')}${end}/`;
          // Node's own reading says that this is a spelling of the address.
          expect(inside.check(new URL(text).hostname)).toBe(true);
          expect(codeOf(() => policy.parse(text))).toBe('URL_FORBIDDEN');
          const mapped = `https://[::ffff:${parts.join('.')}]/`;
          expect(codeOf(() => policy.parse(mapped))).toBe('URL_FORBIDDEN');
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('names', () => {
  it.each([
    ['one private address', v4('10.0.0.1')],
    ['a private address among public ones', v4('8.8.8.8', '127.0.0.1')],
    ['an IPv6 address that carries a private one', v4('8.8.8.8', '::ffff:10.0.0.1')],
  ])('that lead to %s are refused', async (_case, addresses) => {
    const policy = policyFor({ 'models.example': addresses });
    const url = policy.parse('https://models.example/');
    expect((await refusal(() => policy.check(url))).code).toBe('URL_FORBIDDEN');
  });

  it('that lead to public addresses, or nowhere yet, are not', async () => {
    const policy = policyFor({ 'models.example': v4('8.8.8.8', '2606:4700::1') });
    await policy.check(policy.parse('https://models.example/'));
    await policy.check(policy.parse('https://nowhere.example/'));
  });

  it('that stand in EGRESS_ALLOW lead wherever they lead, on their port', async () => {
    const allow = [{ hostname: 'inside.example', port: 8080 }, { hostname: '127.0.0.1' }];
    const policy = new EgressPolicy({ allow, resolve: async () => v4('10.0.0.1') });
    for (const text of [
      'http://inside.example:8080/',
      'https://inside.example:8080/',
      'http://127.0.0.1:1/',
      'http://0x7f.1/',
    ])
      await policy.check(policy.parse(text));
    for (const text of [
      'http://inside.example/',
      'http://127.0.0.2/',
      'http://inside.example.evil.example:8080/',
      'file://127.0.0.1/',
    ])
      expect([text, codeOf(() => policy.parse(text))]).toEqual([text, 'URL_FORBIDDEN']);
    expect((await refusal(() => policy.check(new URL('https://inside.example/')))).code).toBe('URL_FORBIDDEN');
  });
});

describe('a connection', () => {
  let hits = 0;
  let port = 0;
  const server = createServer((request, response) => {
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
    response.writeHead(to ? 302 : 200, to ? { location: to } : {}).end('bytes');
  }).on('connection', () => hits++);
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  const get = (policy: EgressPolicy, url: string) =>
    guardedGet({ policy, url: new URL(url), maxBytes: 100, connectTimeoutMs: 200 });

  it('is never made to loopback by a name that changes its mind, in 10,000 tries', async () => {
    hits = 0;
    let turn = 0;
    const flips = [v4('8.8.8.8'), v4('127.0.0.1'), v4('8.8.8.8', '127.0.0.1'), v4('::1'), v4('127.0.0.1', '8.8.8.8')];
    const policy = new EgressPolicy({
      // Public whenever it is checked beforehand; anything when the connection asks.
      resolve: async () => (turn++ % 2 === 0 ? v4('8.8.8.8') : (flips[1 + (turn % 4)] ?? v4('127.0.0.1'))),
    });
    const codes = new Map<string, number>();
    const tryOnce = async () => {
      const url = policy.parse(`https://flip.example:${port}/`);
      await policy.check(url);
      const { code } = await refusal(() => get(policy, url.href));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    };
    for (let i = 0; i < 10_000; i++) await tryOnce();
    expect(Object.fromEntries(codes)).toEqual({ URL_FORBIDDEN: 10_000 });
    expect(hits).toBe(0);
  });

  it('that reached loopback all the same is closed before a byte is sent', async () => {
    const policy = policyFor({});
    const { checkAddress } = policy.guard(new URL('https://rebound.example/'));
    let received = 0;
    server.once('connection', (socket) => socket.on('data', (bytes) => (received += bytes.length)));
    const lying = {
      lookup: ((_name: string, _options: object, done: (...args: unknown[]) => void) =>
        done(null, [{ address: '127.0.0.1', family: 4 }])) as never,
    };
    const request = { method: 'GET' as const, url: new URL(`http://rebound.example:${port}/`), peer: 'x', maxBytes: 1 };
    const { code } = await refusal(() => exchange({ ...request, ...lying, ...(checkAddress && { checkAddress }) }));
    expect([code, received]).toEqual(['URL_FORBIDDEN', 0]);
  });

  it('follows a redirect only to where the policy leads', async () => {
    const allowed = new EgressPolicy({ allow: [{ hostname: '127.0.0.1', port }] });
    const here = `http://127.0.0.1:${port}/`;
    const through = (to: string) => `${here}?to=${encodeURIComponent(to)}`;
    expect((await get(allowed, through(here))).status).toBe(200);
    expect((await get(allowed, through('/plain'))).status).toBe(200);
    for (const to of [
      'http://localhost:1/',
      `http://127.0.0.2:${port}/`,
      'http://[::1]/',
      'file:///etc/passwd',
      'http://169.254.169.254/',
      'https://10.0.0.1/',
    ])
      expect([to, (await refusal(() => get(allowed, through(to)))).code]).toEqual([to, 'URL_FORBIDDEN']);
    const circle = through(through(through(through(through(through(here))))));
    expect((await refusal(() => get(allowed, circle))).code).toBe('UPSTREAM_UNAVAILABLE');
  });

  it('takes no way through a proxy', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      http_proxy: 'http://127.0.0.1:1',
      HTTP_PROXY: 'http://127.0.0.1:1',
      NODE_USE_ENV_PROXY: '1',
    });
    try {
      const allowed = new EgressPolicy({ allow: [{ hostname: '127.0.0.1', port }] });
      expect((await get(allowed, `http://127.0.0.1:${port}/`)).status).toBe(200);
    } finally {
      process.env = before;
    }
  });
});
