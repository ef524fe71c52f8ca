import { describe, expect, it } from 'vitest';
import { AppError, type ErrorCode, errorKinds } from '../../../src/errors.ts';
import { callerOf } from '../../../src/resources/edge/caller.ts';
import { jsonBody } from '../../../src/resources/edge/json-body.ts';
import { problem, statusOf } from '../../../src/resources/edge/respond.ts';

// The table "Error codes" of the API contract.
const contract: Readonly<Record<number, string>> = {
  400: 'INVALID_JSON INVALID_INPUT ID_INVALID INPUT_NAME INPUT_SHAPE INPUT_DTYPE INPUT_NOT_FINITE',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'MODEL_NOT_FOUND EVENT_NOT_FOUND JOB_NOT_FOUND NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  409: 'VERSION_IMMUTABLE NO_PRODUCTION FEEDBACK_CONFLICT STATE_CONFLICT',
  413: 'BODY_TOO_LARGE MODEL_TOO_LARGE BATCH_LIMIT',
  415: 'UNSUPPORTED_MEDIA_TYPE FORMAT_NOT_LOADABLE',
  422: 'MODEL_MALFORMED MODEL_FORMAT MODEL_EXTERNAL_DATA MODEL_SHAPE MODEL_DTYPE MODEL_OP_UNSUPPORTED MODEL_TOO_COMPLEX MODEL_MANIFEST MODEL_LOAD_FAILED MODEL_RESOURCE ARCHIVE_PATH ARCHIVE_LIMIT DIGEST_MISMATCH URL_FORBIDDEN PATH_FORBIDDEN',
  429: 'RATE_LIMITED QUEUE_FULL',
  // Not in the contract: nobody is there to read it, only events and logs have it.
  499: 'CANCELLED',
  500: 'INTERNAL BACKEND_FAILED BACKEND_CRASHED BACKEND_NOT_INSTALLED DEVICE_UNAVAILABLE',
  502: 'UPSTREAM_FAILED',
  503: 'INFERENCE_TIMEOUT OVERLOADED MODEL_QUARANTINED MODEL_UNAVAILABLE UPSTREAM_UNAVAILABLE NOT_READY',
  507: 'STORAGE_FULL',
};
const expected = Object.entries(contract).flatMap(([status, codes]) =>
  codes.split(' ').map((code) => [code as ErrorCode, Number(status)] as const),
);

describe('an error code', () => {
  it.each(expected)('%s is %d', (code, status) => {
    const { status: own, headers, body } = problem(new AppError(code, 'why'), 'r1');
    expect(own).toBe(status);
    expect(body).toEqual({
      type: `urn:ai-ops:error:${code}`,
      title: expect.stringMatching(/^[A-Z]/),
      status,
      code,
      detail: 'why',
      requestId: 'r1',
    });
    expect(headers?.['content-type']).toBe('application/problem+json');
    expect(headers?.['retry-after']).toBe([429, 503, 507].includes(status) ? '1' : undefined);
    expect(headers?.['www-authenticate'] !== undefined).toBe(status === 401);
  });

  it('has its place in the contract', () =>
    expect(Object.keys(errorKinds).toSorted()).toEqual(expected.map(([code]) => code).toSorted()));

  it('has a kind with a status', () => {
    for (const kind of Object.values(errorKinds)) expect(statusOf[kind]).toBeGreaterThanOrEqual(400);
    expect(Object.keys(statusOf).toSorted()).toEqual([...new Set(Object.values(errorKinds))].toSorted());
  });
});

describe('a problem', () => {
  it('carries violations, facts, the inferenceId and how long to wait', () => {
    const violations = [{ path: 'a', message: 'b' }];
    const reply = problem(
      new AppError('QUEUE_FULL', 'm', {
        violations,
        retryAfterSeconds: 7,
        facts: { inferenceId: 'i', allow: ['GET'] },
      }),
      'r',
    );
    expect(reply).toMatchObject({
      inferenceId: 'i',
      headers: { 'retry-after': '7' },
      body: { errors: violations, inferenceId: 'i', allow: ['GET'] },
    });
  });

  it.each([new TypeError('secret'), 'secret', undefined, { code: 'FORBIDDEN', message: 'secret' }])(
    'of something unexpected tells nothing: %s',
    (error) => {
      const { status, body } = problem(error, 'r1');
      expect([status, (body as { code: string }).code]).toEqual([500, 'INTERNAL']);
      expect(JSON.stringify(body)).not.toContain('secret');
      expect(JSON.stringify(body)).toContain('requestId r1');
    },
  );
});

describe('the caller', () => {
  it.each([
    [undefined, undefined],
    [null, undefined],
    [{}, 'stranger'],
    [
      { username: 'a', role: { role: 'viewer' } },
      { username: 'a', role: 'viewer' },
    ],
    [{ username: 'a', role: { role: 'owner' } }, 'stranger'],
    [
      { username: 'a', role: { role: 'owner', permission: { super_user: true } } },
      { username: 'a', role: 'admin' },
    ],
    [
      { username: 'a', role: { role: 'viewer', permission: { super_user: false } } },
      { username: 'a', role: 'viewer' },
    ],
    [{ role: { role: 'trainer' } }, { username: 'unknown', role: 'trainer' }],
  ])('of %j is %j', (user, caller) => expect(callerOf(user)).toEqual(caller));
});

describe('the JSON of a reply', () => {
  const fast = { toJsonBytes: () => Buffer.from('[1,2]'), toJSON: () => [1, 2] };
  it.each([
    [{ a: 1, b: fast, c: undefined, d: () => 1, e: null }, '{"a":1,"b":[1,2],"e":null}'],
    [{ 'k"': fast }, '{"k\\"":[1,2]}'],
    [{ a: [fast] }, '{"a":[[1,2]]}'],
    [[fast], '[[1,2]]'],
    [{ n: 1, a: [{ p: fast, q: undefined }, undefined, () => 1, 2, {}] }, '{"n":1,"a":[{"p":[1,2]},null,null,2,{}]}'],
    [{ at: new Date(0), a: fast }, '{"at":"1970-01-01T00:00:00.000Z","a":[1,2]}'],
    [null, 'null'],
    ['x', '"x"'],
    [{}, '{}'],
  ])('of case %# is what JSON.stringify would say', (body, text) => {
    expect(jsonBody(body).toString()).toBe(text);
    expect(jsonBody(body).toString()).toBe(JSON.stringify(body));
  });
});
