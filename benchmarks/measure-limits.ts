import type { IncomingMessage } from 'node:http';
import { hrtime } from 'node:process';
import { monotonicMs } from '../src/inference/batching/monotonic.ts';
import { LoginGuard, loginGuardBytes } from '../src/resources/edge/login-guard.ts';
import { RateLimit, rateLimitBytes } from '../src/resources/edge/rate-limit.ts';

if (process.argv.includes('--help')) {
  console.log(`npm run measure:limits [-- --json]

What RATE_LIMIT and the guard of logins cost a request, in microseconds: medians of 50 rounds of 10,000 requests.`);
  process.exit(0);
}

const rounds = 50;
const perRound = 10_000;
const socket = { remoteAddress: '192.0.2.7' };
const authorization = `Basic ${Buffer.from('predictor-1:a long password').toString('base64')}`;
const incoming = { headers: { authorization }, socket } as IncomingMessage;
const limit = new RateLimit(1_000_000, new SharedArrayBuffer(rateLimitBytes), monotonicMs);
const crowded = new RateLimit(1_000_000, new SharedArrayBuffer(rateLimitBytes), monotonicMs);
const guard = new LoginGuard(new SharedArrayBuffer(loginGuardBytes), monotonicMs);
guard.enter(incoming)?.ended(true);
const names = Array.from({ length: perRound }, (_, index) => `caller-${index}`);

const micros = {
  'RATE_LIMIT, one caller': median(() => limit.count(incoming, 'predictor-1')),
  'RATE_LIMIT, 10,000 callers': median((index) => crowded.count(incoming, names[index])),
  'login, on its connection': median(() => guard.enter(incoming)?.ended(true)),
  'login, on a new connection': median(() =>
    guard.enter({ headers: { authorization }, socket: { ...socket } } as IncomingMessage)?.ended(true),
  ),
};
if (process.argv.includes('--json')) console.log(JSON.stringify({ micros }));
else for (const [what, time] of Object.entries(micros)) console.log(`${what.padEnd(28)} ${time.toFixed(2)} µs`);

function median(work: (index: number) => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const begin = hrtime.bigint();
    for (let index = 0; index < perRound; index++) work(index);
    return Number(hrtime.bigint() - begin) / 1_000 / perRound;
  });
  return times.toSorted((a, b) => a - b)[rounds / 2] ?? 0;
}
