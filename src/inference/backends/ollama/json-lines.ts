import { upstreamFailed } from './failures.ts';

const newline = 10;
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * The values of a body with one JSON value a line, each as soon as its line is complete, however the bytes are cut
 * into pieces. A last line needs no end.
 *
 * @throws AppError UPSTREAM_FAILED when a line is no JSON, no UTF-8 or too long
 */
export async function* jsonLines(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<unknown> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = [...parts, chunk.subarray(start, end)];
      if (size + end - start > maxLineBytes) throw tooLong();
      parts = [];
      size = 0;
      start = end + 1;
      yield* valueOf(Buffer.concat(line));
    }
    parts.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > maxLineBytes) throw tooLong();
  }
  yield* valueOf(Buffer.concat(parts));
}

function* valueOf(line: Buffer): Generator<unknown> {
  if (line.every((byte) => byte <= 32)) return;
  yield parseReply(line);
}

/** @throws AppError UPSTREAM_FAILED */
export function parseReply(bytes: Buffer): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw upstreamFailed('answered with what is no JSON', cause);
  }
}

const tooLong = () => upstreamFailed('answered with a line beyond all measure');
