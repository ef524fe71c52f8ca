import { describe, expect, it } from 'vitest';
import { parseMetadata } from '../../src/registry/metadata.ts';
import { codeOf, refusal } from '../support/codes.ts';

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
const wide = (keys: number) => Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, index]));
/** An object whose JSON has exactly so many bytes. */
const heavy = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) });

describe('metadata', () => {
  it.each([
    ['16 levels', nested(16), 'fine'],
    ['17 levels', nested(17), 'INVALID_INPUT'],
    ['1,000 levels', nested(1000), 'INVALID_INPUT'],
    ['17 levels of arrays', Array.from({ length: 17 }).reduce((inner) => ({ a: [inner] }), {}), 'INVALID_INPUT'],
    ['512 keys', wide(512), 'fine'],
    ['513 keys', wide(513), 'INVALID_INPUT'],
    ['513 keys in two places', { a: wide(256), b: wide(255) }, 'INVALID_INPUT'],
    ['64 kB', heavy(65_536), 'fine'],
    ['64 kB and one', heavy(65_537), 'BODY_TOO_LARGE'],
    ['64 kB of two-byte letters', { text: 'é'.repeat(33_000) }, 'BODY_TOO_LARGE'],
    ['many labels', { labels: Array.from({ length: 5000 }, (_, index) => `label ${index}`) }, 'fine'],
    ['null', null, 'INVALID_INPUT'],
    ['nothing', undefined, 'INVALID_INPUT'],
    ['an array', [], 'INVALID_INPUT'],
    ['a text', 'x', 'INVALID_INPUT'],
  ])('%s: %s', (_what, value, code) => expect(codeOf(() => parseMetadata(value))).toBe(code));

  it.each([
    ['metadata.outputActivation', { outputActivation: 'softmax' }],
    ['metadata.labels', { labels: 'a,b' }],
    ['metadata.labels.1', { labels: ['a', 2] }],
    ['metadata.tolerance', { tolerance: -1 }],
    ['metadata.ml_config.pooling', { ml_config: { pooling: 'max' } }],
    ['metadata.ml_config.max_sequence_length', { ml_config: { max_sequence_length: 0 } }],
    ['metadata.serving.timeoutMs', { serving: { timeoutMs: 600_001 } }],
    ['metadata.serving.recording', { serving: { recording: 'sometimes' } }],
    ['metadata.serving.threads', { serving: { threads: 1.5 } }],
    ['metadata.file_info.filename', { file_info: { filename: 3 } }],
  ])('says that %s is wrong', async (path, value) => {
    const error = await refusal(() => parseMetadata(value));
    expect(error.violations.map((violation) => violation.path)).toEqual([path]);
    expect(error.message).toContain(path);
  });

  it('keeps fields it does not know, at every level', () => {
    const given = {
      author: 'me',
      serving: { color: 'red', timeoutMs: 5 },
      ml_config: { normalization: true, more: [1] },
    };
    expect(parseMetadata(given)).toEqual(given);
  });

  it.each([
    '{"__proto__":{"taskType":"classification"}}',
    '{"serving":{"__proto__":{"recording":"off"}}}',
    '{"constructor":{"prototype":{"taskType":"x"}}}',
  ])('%s sets nothing beside itself', (text) => {
    const metadata = parseMetadata(JSON.parse(text));
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(metadata.taskType).toBeUndefined();
    expect(metadata.serving?.recording).toBeUndefined();
    expect(({} as { taskType?: string }).taskType).toBeUndefined();
  });
});
