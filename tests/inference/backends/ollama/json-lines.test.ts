import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLines, parseReply } from '../../../../src/inference/backends/ollama/json-lines.ts';
import { refusal } from '../../../support/codes.ts';

async function* piecesOf(pieces: readonly (string | Buffer)[]) {
  for (const piece of pieces) yield Buffer.from(piece);
}
async function valuesOf(pieces: readonly (string | Buffer)[], maxLineBytes = 1000): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of jsonLines(piecesOf(pieces), maxLineBytes)) values.push(value);
  return values;
}

describe('lines of JSON', () => {
  it('come however they are cut, the last without an end, and empty ones not at all', async () => {
    expect(await valuesOf(['{"a":1}\n{"a"', ':2}', '\r\n', ' \n\n3\n"ä"'])).toEqual([{ a: 1 }, { a: 2 }, 3, 'ä']);
    expect(await valuesOf([])).toEqual([]);
    expect(await valuesOf(['', '\n'])).toEqual([]);
  });

  it('are the same in pieces of any size', async () => {
    const json = fc.array(fc.jsonValue(), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(json, fc.integer({ min: 1, max: 9 }), fc.boolean(), async (values, size, ends) => {
        const bytes = Buffer.from(values.map((value) => JSON.stringify(value)).join('\n') + (ends ? '\n' : ''));
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        );
        expect(await valuesOf(pieces, 1e6)).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 50, seed: 3 },
    );
  });

  it('come as soon as each is whole, before the next', async () => {
    let isAsked = false;
    async function* slow() {
      yield Buffer.from('1\n2');
      isAsked = true;
      yield Buffer.from('\n');
    }
    const lines = jsonLines(slow(), 10);
    expect(await lines.next()).toEqual({ done: false, value: 1 });
    expect(isAsked).toBe(false);
    expect(await lines.next()).toEqual({ done: false, value: 2 });
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });

  it.each<[string, string[]]>([
    ['in one piece', ['"12345678"\n1']],
    ['in several', ['"1234', '5678', '"\n1']],
    ['that never ends', ['"1234', '56', '78"']],
    ['behind another', ['1\n"12345', '678"\n']],
  ])('of 10 bytes are the longest here: %s', async (_name, pieces) => {
    expect(await valuesOf(pieces, 10)).toContain('12345678');
    const error = await refusal(() => valuesOf(pieces, 9));
    expect([error.code, error.message]).toEqual(['UPSTREAM_FAILED', expect.stringContaining('a line beyond')]);
  });

  it.each<[string, Buffer]>([
    ['no JSON', Buffer.from('{"a":\n')],
    ['no UTF-8', Buffer.of(0x22, 0xff, 0x22)],
  ])('with %s are the server’s fault', async (_name, bytes) => {
    for (const work of [() => valuesOf([bytes]), () => parseReply(bytes)]) {
      const error = await refusal(work);
      expect([error.code, error.message]).toEqual(['UPSTREAM_FAILED', expect.stringContaining('no JSON')]);
      expect(error.cause).toBeInstanceOf(Error);
    }
  });
});
