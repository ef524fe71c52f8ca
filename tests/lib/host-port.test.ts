import { describe, expect, it } from 'vitest';
import { parseHostPort } from '../../src/lib/host-port.ts';

describe('a host', () => {
  it.each([
    ['hub.example', { hostname: 'hub.example' }],
    ['HUB.example:8080', { hostname: 'hub.example', port: 8080 }],
    ['hub.example:80', { hostname: 'hub.example', port: 80 }],
    ['0x7f.1:1', { hostname: '127.0.0.1', port: 1 }],
    ['[::FFFF:127.0.0.1]:443', { hostname: '[::ffff:7f00:1]', port: 443 }],
    ['bücher.example', { hostname: 'xn--bcher-kva.example' }],
  ])('%s is %j', (text, expected) => expect(parseHostPort(text)).toEqual(expected));

  it.each([
    '',
    'http://hub.example',
    'hub.example/',
    'a b',
    'user@hub.example',
    'hub.example:',
    'hub.example:0',
    'hub.example:65536',
    '::1',
    '[::1',
    'hub.example:8o',
  ])('%j is none', (text) => expect(parseHostPort(text)).toBeUndefined());
});
