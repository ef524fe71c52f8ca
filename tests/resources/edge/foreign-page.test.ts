import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { refuseForeignHost, refuseForeignPage } from '../../../src/resources/edge/foreign-page.ts';

const request = (method: string, headers: Record<string, string>) =>
  ({ method, headers }) as unknown as IncomingMessage;
const host = 'localhost:9926';

describe('a page of another origin', () => {
  it.each(['https://evil.example', 'null', 'http://localhost:9927', 'nonsense'])('at %s changes nothing', (origin) => {
    expect(() => refuseForeignPage(request('POST', { origin, host }), [])).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN' }),
    );
  });

  it.each([
    ['reads', request('GET', { origin: 'https://evil.example', host })],
    ['is no page', request('POST', { host })],
    ['has a login of its own', request('POST', { origin: 'https://evil.example', host, authorization: 'Basic eA==' })],
    ['is our own', request('POST', { origin: 'http://localhost:9926', host })],
    ['is allowed', request('POST', { origin: 'https://app.example', host })],
  ])('may when it %s', (_why, incoming) => {
    expect(() => refuseForeignPage(incoming, ['https://app.example'])).not.toThrow();
  });
});

describe('a caller who is let in for being local', () => {
  it.each(['evil.example', 'evil.example:9926', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', ''])(
    'may not call this machine %j',
    (name) => {
      expect(() => refuseForeignHost(request('GET', { host: name }))).toThrow(
        expect.objectContaining({ code: 'FORBIDDEN' }),
      );
      expect(() => refuseForeignHost(request('GET', { host: name, authorization: 'Basic eA==' }))).not.toThrow();
    },
  );

  it.each(['localhost', 'localhost:9926', 'LOCALHOST:1', '127.0.0.1:9926', '[::1]:9926', 'app.localhost:9926'])(
    'may call it %s',
    (name) => expect(() => refuseForeignHost(request('GET', { host: name }))).not.toThrow(),
  );
});
