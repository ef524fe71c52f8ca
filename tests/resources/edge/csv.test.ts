import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { isCsv, readCsv } from '../../../src/resources/edge/csv.ts';

const request = (body: string | Buffer, type = 'text/csv') =>
  Object.assign(Readable.from([Buffer.from(body)]), {
    headers: { 'content-type': type },
  }) as unknown as IncomingMessage;

async function tableOf(body: string | Buffer) {
  const { header, rows } = await readCsv(request(body));
  const all = [];
  for await (const row of rows) all.push(row instanceof AppError ? row.code : row);
  return [header, ...all];
}

describe('a CSV body', () => {
  it.each([
    [
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      '\ufeffa,b\r\n1,2\r\n\r\n3,4',
      [
        ['a', 'b'],
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    [
      'a,b\n1,2\r\n3,4\r5,6',
      [
        ['a', 'b'],
        ['1', '2'],
        ['3', '4'],
        ['5', '6'],
      ],
    ],
    [
      '"a","b"\n"1, ""x""","2\n3"\n',
      [
        ['a', 'b'],
        ['1, "x"', '2\n3'],
      ],
    ],
    ['a\n=1+1\n+cmd|calc\n@SUM(A1)\n-1\n', [['a'], ['=1+1'], ['+cmd|calc'], ['@SUM(A1)'], ['-1']]],
    [
      'a,b\n1,{"class":1}\n2,x"y\n3,"x"y\n',
      [
        ['a', 'b'],
        ['1', '{"class":1}'],
        ['2', 'x"y'],
        ['3', '"x"y'],
      ],
    ],
    ['a,b\n1\n2,3,4\n', [['a', 'b'], ['1'], ['2', '3', '4']]],
    [
      'a,b\n 1 ,\t\n',
      [
        ['a', 'b'],
        [' 1 ', '\t'],
      ],
    ],
    ['a,b\n1,2\n3,"open\n4,5\n', [['a', 'b'], ['1', '2'], 'INVALID_INPUT']],
    ['a', [['a']]],
  ])('%j', async (body, rows) => expect(await tableOf(body)).toEqual(rows));

  it.each([
    ['', 'header'],
    ['\n\r\n', 'header'],
    [Buffer.from([0x61, 0xff]), 'UTF-8'],
    ['"a', 'quote'],
  ])('%j is refused', async (body, word) => {
    await expect(readCsv(request(body))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining(word),
    });
  });

  it('gives back every cell that was quoted by the rules', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', '=', 'ü', '𝕏', ' ') });
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }), async (rows) => {
        const text = rows.map((row) => row.map(quoted).join(',')).join('\r\n');
        expect(await tableOf(`x,y\n${text}`)).toEqual([['x', 'y'], ...rows]);
      }),
    );
  });

  it('never breaks, whatever its bytes', async () => {
    const piece = fc.constantFrom('a', '"', '""', ',', '\n', '\r\n', '\ufeff', '\0', 'ü');
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece).map((pieces) => pieces.join('')),
        async (body) => {
          await tableOf(body).catch((error) => expect(error).toBeInstanceOf(AppError));
        },
      ),
    );
  });

  it('is parsed as it is asked for', async () => {
    const line = `${'x'.repeat(999)}\n`;
    const { rows } = await readCsv(request(`a\n${line.repeat(20_000)}`));
    const iterator = rows[Symbol.asyncIterator]();
    const before = process.memoryUsage().heapUsed;
    expect((await iterator.next()).value).toHaveLength(1);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10e6);
    let count = 1;
    for await (const _ of { [Symbol.asyncIterator]: () => iterator }) count++;
    expect(count).toBe(20_000);
  });

  it.each([
    ['text/csv', true],
    ['Text/CSV; charset=utf-8', true],
    ['text/csv; header=present; charset="UTF-8"', true],
    ['text/csv; charset=latin1', false],
    ['text/csv2', false],
    ['application/csv', false],
  ])('is meant by %s: %s', (type, meant) => expect(isCsv(request('', type))).toBe(meant));
});
