import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { answerLines, isNdjson } from '../../../src/resources/edge/ndjson.ts';

const request = (body: string | Buffer, type = 'application/x-ndjson') =>
  Object.assign(Readable.from([Buffer.from(body)]), {
    headers: { 'content-type': type },
  }) as unknown as IncomingMessage;

async function linesOf(
  body: string | Buffer,
  handle: (value: unknown) => Promise<Record<string, unknown>> = async (value) => ({ value }),
) {
  const { stream, headers } = await answerLines(request(body), handle);
  expect(headers?.['content-type']).toBe('application/x-ndjson');
  return (await text(stream as Readable))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('line by line', () => {
  it.each([
    ['1\n2', [1, 2]],
    ['1\r\n2\r\n', [1, 2]],
    ['\n\n1\n \t\n2\n\n', [1, 2]],
    ['{"a":"\\n"}\n', [{ a: '\n' }]],
    ['"ä𝕏"', ['ä𝕏']],
    ['', []],
    ['\n', []],
  ])('%j holds %j', async (body, values) => {
    const answers = await linesOf(body);
    expect(answers).toEqual([
      ...values.map((value, index) => ({ index, success: true, value })),
      { done: true, accepted: values.length, failed: 0 },
    ]);
  });

  it('a bad line is its own error, and the next goes on', async () => {
    const answers = await linesOf('1\nnonsense\n[1e999]\n2\n3\n4', async (value) => {
      if (value === 2) throw new AppError('EVENT_NOT_FOUND', 'no such event');
      if (value === 3) throw new TypeError('secret');
      return {};
    });
    expect(answers.map(({ index, code, success }) => code ?? success ?? index)).toEqual([
      true,
      'INVALID_JSON',
      'INPUT_NOT_FINITE',
      'EVENT_NOT_FOUND',
      'INTERNAL',
      true,
      undefined,
    ]);
    expect(answers.at(-1)).toEqual({ done: true, accepted: 2, failed: 4 });
    expect(JSON.stringify(answers)).not.toContain('secret');
  });

  it('takes one after the other', async () => {
    let running = 0;
    const answers = await linesOf('1\n2\n3', async () => {
      expect(++running).toBe(1);
      await new Promise(setImmediate);
      running--;
      return {};
    });
    expect(answers.at(-1)).toMatchObject({ accepted: 3 });
  });

  it.each([
    ['application/x-ndjson', true],
    ['Application/X-NDJSON; charset=utf-8', true],
    ['application/x-ndjson; charset=latin1', false],
    ['application/json', false],
    ['application/x-ndjson2', false],
  ])('is meant by %s: %s', (type, meant) => expect(isNdjson(request('', type))).toBe(meant));
});
