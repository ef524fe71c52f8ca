import { describe, expect, it } from 'vitest';
import { type Action, allows, isAtLeast, mayRegister, ownEventsOf, policy, roles } from '../../src/resources/policy.ts';
import { rangeOf } from '../../src/resources/range.ts';
import { routes } from '../../src/resources/routes/index.ts';
import { codeOf } from '../support/codes.ts';

// Who may, from the table D1 of the security bar: p public, v viewer, r predictor, t trainer, a admin.
const table: readonly (readonly [Action, string])[] = [
  ['health.read', 'pvrta'],
  ['openapi.read', 'pvrta'],
  ['status.read', 'vrta'],
  ['model.list', 'vrta'],
  ['model.read', 'vrta'],
  ['model.table', 'vrta'],
  ['model.download', 'ta'],
  ['model.register', 'ta'],
  ['model.fetch', 'ta'],
  ['model.amend', 'ta'],
  ['model.reload', 'ta'],
  ['model.check', 'ta'],
  ['model.delete', 'ta'],
  ['predict', 'rta'],
  ['personalize', 'rta'],
  ['feedback.give', 'rta'],
  ['event.list', 'rta'],
  ['event.import', 'ta'],
  ['metric.read', 'vrta'],
  ['job.read', 'ta'],
  ['job.control', 'ta'],
  ['table.write', 'vrta'],
];
const letters = { p: undefined, v: 'viewer', r: 'predictor', t: 'trainer', a: 'admin' } as const;

describe('the policy', () => {
  it('knows every action', () =>
    expect(table.map(([action]) => action).toSorted()).toEqual(Object.keys(policy).toSorted()));

  it.each(table)('%s is for %s', (action, who) => {
    const allowed = Object.entries(letters).filter(([, role]) => allows(action, role && { username: 'ann', role }));
    expect(allowed.map(([letter]) => letter).join('')).toBe(who);
  });

  it('names an action for every route, and no action without a route', () => {
    expect([...new Set(routes.map(({ action }) => action))].toSorted()).toEqual(Object.keys(policy).toSorted());
  });

  it('orders roles', () => {
    roles.forEach((role, i) => {
      roles.forEach((other, j) => {
        expect(isAtLeast(role, other)).toBe(i >= j);
      });
    });
  });

  it('keeps production for admins', () => {
    const may = (stage: string) => roles.filter((role) => mayRegister(stage, { username: 'ann', role }));
    expect(may('production')).toEqual(['admin']);
    for (const stage of ['candidate', 'staging', 'archived']) expect(may(stage)).toEqual(['trainer', 'admin']);
  });

  it('shows events of others from trainer on', () => {
    expect(roles.map((role) => ownEventsOf({ username: 'ann', role }))).toEqual(['ann', 'ann', undefined, undefined]);
  });
});

describe('a range', () => {
  it.each([
    [{}, {}],
    [
      { from: 1, to: 5 },
      { from: 1, to: 5 },
    ],
    [
      { startTime: 1, endTime: 5 },
      { from: 1, to: 5 },
    ],
    [{ from: 1, startTime: 1 }, { from: 1 }],
    [{ to: 0 }, { to: 0 }],
    [
      { from: 5, to: 5 },
      { from: 5, to: 5 },
    ],
    [{ timeRange: 30 }, { from: 970, to: 1001 }],
    [{ timeRange: 5000 }, { from: 0, to: 1001 }],
  ])('%j at 1000 is %j', (given, range) => expect(rangeOf(given, 1000)).toEqual(range));

  it.each([
    { from: 6, to: 5 },
    { from: 1, startTime: 2 },
    { to: 1, endTime: 2 },
    { timeRange: 1, from: 0 },
    { timeRange: 1, endTime: 0 },
  ])('%j is none', (given) => expect(codeOf(() => rangeOf(given, 1000))).toBe('INVALID_INPUT'));
});
