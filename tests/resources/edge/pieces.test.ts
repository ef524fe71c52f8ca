import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { canAnswer } from '../../../src/resources/edge/can-answer.ts';
import { acceptsPieces, Pieces, pieceFormat, pieceTypes } from '../../../src/resources/edge/pieces.ts';
import { codeOf, refusal } from '../../support/codes.ts';

describe('pieces', () => {
  it('are lines, or events for those who name them', async () => {
    for (const [accept, expected] of [
      [undefined, '{"delta":"a\\nb"}\n{"done":true}\n'],
      ['text/event-stream', 'event: delta\ndata: {"delta":"a\\nb"}\n\nevent: done\ndata: {"done":true}\n\n'],
    ] as const) {
      const pieces = new Pieces(pieceFormat(accept));
      expect(pieces.send('delta', { delta: 'a\nb' })).toBeUndefined();
      pieces.end('done', { done: true });
      expect(await text(pieces.stream)).toBe(expected);
    }
  });

  it('ask their writer to wait while nobody reads, and until there is room', async () => {
    const pieces = new Pieces(pieceFormat(undefined));
    const large = { delta: 'x'.repeat(20_000) };
    let hasRoom = false;
    const waiting = pieces.send('delta', large)?.then(() => {
      hasRoom = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(waiting).toBeDefined();
    expect(hasRoom).toBe(false);
    pieces.stream.resume();
    await waiting;
    expect(hasRoom).toBe(true);
  });

  it('refuse a writer whose reader has left, also one that waits', async () => {
    const pieces = new Pieces(pieceFormat(undefined));
    const waiting = refusal(async () => pieces.send('delta', { delta: 'x'.repeat(20_000) }));
    pieces.stream.destroy();
    expect((await waiting).code).toBe('CANCELLED');
    expect(codeOf(() => pieces.send('delta', { delta: 'a' }))).toBe('CANCELLED');
    pieces.end('done', {});
  });
});

describe('who accepts what', () => {
  it.each([
    ['text/event-stream', true],
    ['application/x-ndjson;q=0.5', true],
    ['text/event-stream;q=0', false],
    ['*/*', false],
    [undefined, false],
  ])('%j names a type of pieces: %j', (accept, expected) => expect(acceptsPieces(accept)).toBe(expected));

  it.each([
    [{}, 'application/json', true],
    [{}, 'text/event-stream', false],
    [{ pieces: pieceTypes }, 'text/event-stream', true],
    [{ pieces: pieceTypes }, 'text/html', false],
    [{ contentType: 'application/zip' }, 'text/html', true],
  ])('a route with %j answers %s: %j', (reply, accept, expected) =>
    expect(canAnswer({ replies: { 200: { description: '', ...reply } } }, accept)).toBe(expected),
  );
});
