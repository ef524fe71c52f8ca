import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { refuseForeignPage } from '../../../src/resources/edge/foreign-page.ts';

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
