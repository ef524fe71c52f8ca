import { describe, expect, it } from 'vitest';
import { refusedBy, upstreamFailed } from '../../../../src/inference/backends/ollama/failures.ts';

describe('a status by which an Ollama server refuses', () => {
  it.each<[number, string, string]>([
    [404, 'MODEL_UNAVAILABLE', 'npm run pull-ollama m:1b'],
    [429, 'UPSTREAM_UNAVAILABLE', 'queue is full'],
    [503, 'UPSTREAM_UNAVAILABLE', 'queue is full'],
    [400, 'INVALID_INPUT', 'model "m:1b"'],
    [413, 'INVALID_INPUT', 'model "m:1b"'],
    [422, 'INVALID_INPUT', 'model "m:1b"'],
    [401, 'UPSTREAM_FAILED', 'does not let this one in (401)'],
    [403, 'UPSTREAM_FAILED', 'does not let this one in (403)'],
    [301, 'UPSTREAM_FAILED', 'sends elsewhere'],
    [300, 'UPSTREAM_FAILED', 'sends elsewhere'],
    [399, 'UPSTREAM_FAILED', 'sends elsewhere'],
    [204, 'UPSTREAM_FAILED', 'broke (204)'],
    [409, 'UPSTREAM_FAILED', 'broke (409)'],
    [500, 'UPSTREAM_FAILED', 'broke (500)'],
  ])('%d is %s', (status, code, words) => {
    expect(refusedBy(status, 'm:1b', undefined)).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  it('of a question stands at its features', () => {
    const { violations, message } = refusedBy(400, 'm', undefined);
    expect(violations).toEqual([{ path: 'features', message }]);
  });

  it.each([
    ['7', 7],
    ['0', 1],
    ['9999', 9999],
    [undefined, 5],
    ['', 5],
    ['10000', 5],
    ['-1', 5],
    ['2.5', 5],
    ['7 s', 5],
    ['Wed, 21 Oct 2026 07:28:00 GMT', 5],
  ])('says when to come back: %j is %d s', (retryAfter, seconds) => {
    expect(refusedBy(503, 'm', retryAfter).retryAfterSeconds).toBe(seconds);
  });

  it('lets a missing model be pulled first', () => expect(refusedBy(404, 'm', '1').retryAfterSeconds).toBe(30));
});

it('what broke an answer stays its cause', () => {
  const cause = new Error('at /srv/ollama');
  const failure = upstreamFailed('broke', cause);
  expect(failure).toMatchObject({ code: 'UPSTREAM_FAILED', cause });
  expect(failure.message).toMatch(/^Expected an answer, but the Ollama server broke\. Try again/);
  expect(failure.message).not.toContain('/srv');
  expect('cause' in upstreamFailed('broke')).toBe(false);
});
