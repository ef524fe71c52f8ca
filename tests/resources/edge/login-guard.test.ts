import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { LoginGuard, loginGuardBytes } from '../../../src/resources/edge/login-guard.ts';

function make(memory = new SharedArrayBuffer(loginGuardBytes)) {
  let now = 1_000_000;
  const guard = new LoginGuard(memory, () => now);
  /** Tries a login; undefined when it is turned away before its password is looked at. */
  const enter = (user: string, password: string, address = '10.0.0.1') => {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    try {
      return guard.enter({ headers: { authorization }, socket: { remoteAddress: address } } as IncomingMessage);
    } catch (error) {
      expect(error).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) });
      return undefined;
    }
  };
  const fail = (user: string, password: string, address?: string) => {
    const attempt = enter(user, password, address);
    attempt?.ended(false);
    return attempt !== undefined;
  };
  return { guard, memory, enter, fail, pass: (ms: number) => void (now += ms) };
}
const count = (times: number, work: (index: number) => boolean) =>
  Array.from({ length: times }, (_, index) => work(index)).filter(Boolean).length;

describe('a guessed password', () => {
  it('is looked at 10 times a minute, for a name and address', () => {
    const { fail, pass } = make();
    expect(count(1_000, (index) => fail('ada', `guess ${index}`))).toBe(10);
    expect(count(20, (index) => fail('bob', `guess ${index}`))).toBe(10);
    expect(count(20, (index) => fail('ada', `guess ${index}`, '10.0.0.2'))).toBe(10);
    pass(6_001);
    expect(count(20, (index) => fail('ada', `later ${index}`))).toBe(1);
  });

  it('is looked at 100 times a minute for an address, whatever the names', () => {
    const { fail } = make();
    expect(count(1_000, (index) => fail(`user ${index}`, 'secret'))).toBe(100);
    expect(fail('user', 'secret', '10.0.0.2')).toBe(true);
  });

  it('counts for all threads', () => {
    const first = make();
    const second = make(first.memory);
    expect(count(6, (index) => first.fail('ada', `guess ${index}`))).toBe(6);
    expect(count(20, (index) => second.fail('ada', `other ${index}`))).toBe(4);
    expect(first.fail('ada', 'once more')).toBe(false);
  });

  it('is no better off beside many others at once', () => {
    const { enter } = make();
    const open = Array.from({ length: 100 }, (_, index) => enter('ada', `guess ${index}`));
    expect(open.filter(Boolean).length).toBe(10);
    for (const attempt of open) attempt?.ended(false);
    expect(enter('ada', 'one more')).toBeUndefined();
  });
});

describe('a good login', () => {
  it('is not in its own way, however often it comes before it is known', () => {
    const { enter } = make();
    const open = Array.from({ length: 100 }, () => enter('ada', 'right'));
    expect(open.every(Boolean)).toBe(true);
    for (const attempt of open) attempt?.ended(true);
    expect(enter('ada', 'other')).toBeDefined();
  });

  it('goes on while others guess, until it fails itself', () => {
    const { enter, fail } = make();
    enter('ada', 'right')?.ended(true);
    count(50, (index) => fail('ada', `guess ${index}`));
    expect(enter('ada', 'right')).toBeDefined();
    expect(enter('ada', 'wrong')).toBeUndefined();
    enter('ada', 'right')?.ended(false);
    expect(enter('ada', 'right')).toBeUndefined();
  });

  it('that fails on a connection where it was good is a failure like any other', () => {
    const { guard, fail } = make();
    const authorization = `Basic ${Buffer.from('ada:right').toString('base64')}`;
    const incoming = { headers: { authorization }, socket: { remoteAddress: '10.0.0.1' } } as IncomingMessage;
    guard.enter(incoming)?.ended(true);
    count(9, (index) => fail('ada', `guess ${index}`));
    for (let turn = 0; turn < 3; turn++) guard.enter(incoming)?.ended(true);
    guard.enter(incoming)?.ended(false);
    expect(fail('ada', 'one more')).toBe(false);
    expect(() => guard.enter(incoming)).toThrow();
  });

  it('that is no password is not counted', () => {
    const { guard } = make();
    const socket = { remoteAddress: '::1' };
    for (const authorization of [undefined, 'Bearer x', 'Basic', 'Digest a=b'])
      expect(guard.enter({ headers: { authorization }, socket } as IncomingMessage)).toBeUndefined();
  });
});
