import { describe, expect, it } from 'vitest';
import { readSamples } from '../../../../src/inference/backends/transformers/samples.ts';
import { refusal } from '../../../support/codes.ts';

const base64 = (samples: Float32Array) => ({ base64: Buffer.from(samples.buffer).toString('base64') });
/** Ten minutes at 48 kHz. */
const most = 28_800_000;

describe('sound of a request', () => {
  it('is a list of numbers, or float32 in base64', () => {
    expect(readSamples([0, 0.5, -1])).toEqual(Float32Array.of(0, 0.5, -1));
    expect(readSamples(base64(Float32Array.of(0, 0.5, -1)))).toEqual(Float32Array.of(0, 0.5, -1));
  });

  it('lasts ten minutes at most', async () => {
    expect(readSamples(base64(new Float32Array(most)))).toHaveLength(most);
    expect((await refusal(() => readSamples(base64(new Float32Array(most + 1))))).code).toBe('INVALID_INPUT');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an address', 'https://example.com/a.wav'],
    ['an empty list', []],
    ['texts', ['0.5']],
    ['texts among numbers', [0.5, '0.5']],
    ['an infinity', [0.5, Number.POSITIVE_INFINITY]],
    ['no number in base64', base64(Float32Array.of(0, Number.NaN))],
    ['no bytes', { base64: '' }],
    ['half a number', { base64: 'AAA=' }],
    ['base64 that is no text', { base64: 7 }],
  ])('is never %s', async (_name, value) => {
    const error = await refusal(() => readSamples(value));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations).toEqual([{ path: 'features.audio', message: expect.stringContaining(`1 to ${most}`) }]);
    expect(error.message).toBe(`features.audio: ${error.violations[0]?.message}.`);
  });
});
