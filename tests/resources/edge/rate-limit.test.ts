import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { addressOf } from '../../../src/resources/edge/address.ts';
import { Front } from '../../../src/resources/edge/front.ts';
import type { HarperResponse } from '../../../src/resources/edge/harper-http.ts';
import { RateLimit, rateLimitBytes } from '../../../src/resources/edge/rate-limit.ts';
import { Router } from '../../../src/resources/edge/router.ts';
import { routes } from '../../../src/resources/routes/index.ts';
import { type Asked, harperRequest, readable } from '../../support/ask-front.ts';
import { tinyApp } from '../../support/tiny-app.ts';

async function limited(perSecond: number) {
  let now = 9_000;
  const { app, register } = await tinyApp();
  await register();
  const rateLimit = new RateLimit(perSecond, new SharedArrayBuffer(rateLimitBytes), () => now);
  const front = new Front(app, new Router(routes), { rateLimit });
  const unserved = async (): Promise<HarperResponse> => ({ status: -1 });
  const ask = async (method: string, url: string, asked?: Asked) =>
    readable(await front.inner(harperRequest(method, url, asked), unserved));
  return { app, ask, pass: (ms: number) => void (now += ms) };
}

describe('a limit of requests', () => {
  it('lets one second’s worth pass, then says when to come again', async () => {
    const { ask, pass } = await limited(2);
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await ask('GET', '/model'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['1', '0', '0']);
    expect(answers[2]).toMatchObject({
      body: { code: 'RATE_LIMITED' },
      headers: { 'retry-after': '1', 'ratelimit-limit': '2', 'ratelimit-reset': '1' },
    });
    pass(500);
    expect((await ask('GET', '/model')).status).toBe(200);
  });

  it('is each login’s own, and an address’s without one', async () => {
    const { ask } = await limited(1);
    for (const role of ['viewer', 'trainer'] as const) expect((await ask('GET', '/model', { role })).status).toBe(200);
    expect((await ask('GET', '/model', { role: 'viewer' })).status).toBe(429);
    expect((await ask('GET', '/openapi.json', { role: 'nobody' })).status).toBe(200);
    expect((await ask('GET', '/openapi.json', { role: 'nobody' })).status).toBe(429);
  });

  it('counts whatever is asked but health', async () => {
    const { app, ask } = await limited(1);
    const predict = { body: { modelName: 'iris', features: { x: [1, 2] } } };
    expect((await ask('GET', '/model//v1')).status).toBe(400);
    expect((await ask('POST', '/predict', predict)).status).toBe(429);
    expect(await app.store.events.count()).toBe(0);
    for (const path of ['/health', '/healthz', '/health/ready', '/readyz']) {
      const { status, headers } = await ask('GET', path);
      expect([path, status === 429, headers['ratelimit-limit']]).toEqual([path, false, undefined]);
    }
  });

  it('refuses before it reads the body', async () => {
    const { ask } = await limited(1);
    await ask('GET', '/model');
    expect((await ask('POST', '/predict', { body: '{"broken' })).body.code).toBe('RATE_LIMITED');
  });
});

describe('an address', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
  ])('%s counts as %s', (remoteAddress, counted) => {
    expect(addressOf({ socket: { remoteAddress } } as IncomingMessage)).toBe(counted);
  });
});
