import { describe, expect, it } from 'vitest';
import { echoAliases, resolveAliases } from '../../../src/resources/edge/aliases.ts';
import { refusal } from '../../support/codes.ts';

const known = new Set(['modelName', 'modelVersion', 'features', 'outcome']);

describe('aliases', () => {
  it.each([
    [{ modelId: 'm' }, { modelName: 'm' }, { modelId: 'modelName' }],
    [
      { version: 'v', inputs: 1 },
      { modelVersion: 'v', features: 1 },
      { version: 'modelVersion', inputs: 'features' },
    ],
    [{ actualOutcome: null }, { outcome: null }, { actualOutcome: 'outcome' }],
    [{ modelName: 'm', other: 1 }, { modelName: 'm', other: 1 }, {}],
    [{}, {}, {}],
  ])('%j stands for %j', (given, value, used) => {
    const before = JSON.stringify(given);
    expect(resolveAliases(given, known)).toEqual({ value, used });
    expect(JSON.stringify(given)).toBe(before);
  });

  it('that are fields of their own stay', () => {
    expect(resolveAliases({ actualOutcome: 1 }, new Set(['actualOutcome', 'outcome']))).toEqual({
      value: { actualOutcome: 1 },
      used: {},
    });
  });

  it('of what the route does not know stay, to be refused by name', () => {
    expect(resolveAliases({ inputs: 1 }, new Set(['modelName'])).value).toEqual({ inputs: 1 });
  });

  it('beside the name they stand for are refused, even when equal', async () => {
    const error = await refusal(() => resolveAliases({ modelId: 'm', modelName: 'm' }, known));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', violations: [{ path: 'modelId' }] });
  });
});

describe('the echo', () => {
  const used = { modelId: 'modelName', inputs: 'features' };
  it.each([
    [
      { modelName: 'm', x: 1 },
      { modelName: 'm', x: 1, modelId: 'm' },
    ],
    [{ x: 1 }, { x: 1 }],
    [[{ modelName: 'm' }], [{ modelName: 'm' }]],
    ['text', 'text'],
    [null, null],
    [undefined, undefined],
  ])('of %j is %j', (body, echoed) => expect(echoAliases(body, used)).toEqual(echoed));

  it('is the very body when no alias was used', () => {
    const body = { modelName: 'm' };
    expect(echoAliases(body, {})).toBe(body);
  });
});
