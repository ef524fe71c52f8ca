import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import { parseJson, readBytes } from './read-json.ts';
import type { Reply } from './route.ts';

/** One JSON value a line. */
export const ndjsonType = 'application/x-ndjson';
const maxBytes = 64 * 2 ** 20;

export const isNdjson = ({ headers }: IncomingMessage): boolean =>
  /^application\/x-ndjson\s*(;\s*charset="?utf-8"?\s*)?$/i.test(headers['content-type'] ?? '');

/**
 * Handles the lines of a body one after the other and answers with a line for each, in order, and a last one
 * that counts. The body is read whole first, so a client that sends before it reads never waits for itself.
 *
 * @param handle  makes the reply's fields of one value; what it throws becomes the line's own error.
 */
export async function answerLines(
  incoming: IncomingMessage,
  handle: (value: unknown) => Promise<Readonly<Record<string, unknown>>>,
): Promise<Reply> {
  const lines = linesOf(await readBytes(incoming, maxBytes));
  async function* answers() {
    let accepted = 0;
    for (const [index, line] of lines.entries()) {
      const answer = await answerLine(line, handle);
      if (answer.success) accepted++;
      yield `${JSON.stringify({ index, ...answer })}\n`;
    }
    yield `${JSON.stringify({ done: true, accepted, failed: lines.length - accepted })}\n`;
  }
  return { stream: Readable.from(answers()), headers: { 'content-type': ndjsonType } };
}

async function answerLine(line: Buffer, handle: (value: unknown) => Promise<Readonly<Record<string, unknown>>>) {
  try {
    return { success: true, ...(await handle(parseJson(line))) };
  } catch (error) {
    if (error instanceof AppError) return { success: false, code: error.code, detail: error.message };
    return { success: false, code: 'INTERNAL', detail: 'This line broke on our side.' };
  }
}

const newline = 10;

/** The lines of a body without empty ones. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(newline, start);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    if (line.some((byte) => byte > 32)) lines.push(line);
    start = end + 1;
  }
  return lines;
}
