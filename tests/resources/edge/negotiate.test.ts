import { describe, expect, it } from 'vitest';
import { acceptsJson } from '../../../src/resources/edge/negotiate.ts';

describe('accepting JSON', () => {
  it.each([
    undefined,
    '',
    '*/*',
    'application/json',
    'Application/JSON; q=0.1',
    'text/html, application/xhtml+xml, */*;q=0.8',
    'application/*',
    'application/problem+json',
    'text/html;q=0, application/json',
    '*/*;q=0, application/json',
    'application/json;q=0.001',
  ])('%j does', (accept) => expect(acceptsJson(accept)).toBe(true));

  it.each([
    'text/html',
    'text/html, image/*',
    'application/cbor',
    'application/json;q=0',
    'application/json; q=0.000',
    '*/*;q=0',
    'json',
    ',',
    'application/jsonp',
  ])('%j does not', (accept) => expect(acceptsJson(accept)).toBe(false));

  it('the more exact range wins', () => expect(acceptsJson('application/json;q=0, */*')).toBe(false));
});
