import { isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/egress/public-address.ts';

const octets = (number: number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');

/** The same rule in another way: IPv4 as numbers, ranges as first and last address. */
const ranges4 = (
  [
    ['0.0.0.0', '0.255.255.255'],
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.0.0.0', '192.0.0.255'],
    ['192.0.2.0', '192.0.2.255'],
    ['192.88.99.0', '192.88.99.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.18.0.0', '198.19.255.255'],
    ['198.51.100.0', '198.51.100.255'],
    ['203.0.113.0', '203.0.113.255'],
    ['224.0.0.0', '255.255.255.255'],
    ['168.63.129.16', '168.63.129.16'],
  ] as const
).map((range) => range.map((text) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)));

const isPublic4 = (number: number) => ranges4.every(([first = 0, last = 0]) => number < first || number > last);

describe('an IPv4 address', () => {
  it('is public when it lies in no special range, edges included', () => {
    const edges = ranges4.flatMap(([first = 0, last = 0]) => [first - 1, first, last, last + 1]);
    for (const edge of edges.filter((number) => number >= 0 && number < 2 ** 32))
      expect([octets(edge), isPublicAddress(octets(edge))]).toEqual([octets(edge), isPublic4(edge)]);
    const anywhere = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const near = fc.constantFrom(...edges).chain((edge) => fc.integer({ min: edge - 300, max: edge + 300 }));
    const number = fc.oneof(anywhere, near).filter((value) => value >= 0 && value < 2 ** 32);
    fc.assert(
      fc.property(number, (value) => {
        expect(isPublicAddress(octets(value))).toBe(isPublic4(value));
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('an IPv6 address', () => {
  it.each([
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '::ffff:127.0.0.1',
    '::8.8.8.8',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:2::1',
    '2001:10::1',
    '2001:1ff:ffff::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:808:808::',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%lo',
    'fec0::1',
    'ff02::1',
    '2606:4700:4700::1111%1',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(['2606:4700:4700::1111', '2001:4860:4860::8888', '2001:200::1', '2a00:1450::1', '2620:fe::fe', '3ffe::1'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it('that carries an IPv4 address is never public', () => {
    const carriers = ['::ffff:', '::', '64:ff9b::'];
    fc.assert(
      fc.property(fc.constantFrom(...carriers), fc.ipV4(), (carrier, inner) => {
        expect(isPublicAddress(`${carrier}${inner}`)).toBe(false);
      }),
    );
  });

  it('is judged the same in every spelling', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(isIPv6(text));
        const plain = new SocketAddress({ address: text, family: 'ipv6' }).address;
        expect(isPublicAddress(text.toUpperCase())).toBe(isPublicAddress(plain));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('anything else', () => {
  it.each(['', 'localhost', '127.1', '0x7f.0.0.1', '8.8.8.8:80', '[2606:4700::1]', '08.8.8.8', '8.8.8.8 '])(
    '%j is no address, so not a public one',
    (text) => expect(isPublicAddress(text)).toBe(false),
  );
});
