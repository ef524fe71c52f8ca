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

/** Fields of the answer to one of many. */
type Answered = Readonly<Record<string, unknown>>;

/**
 * Handles the lines of a body one after the other and answers with a line for each, in order, and a last one
 * that counts. The body is read whole first, so a client that sends before it reads never waits for itself.
 *
 * @param handle  makes the reply's fields of one value; what it throws becomes the line's own error.
 */
export async function answerLines(
  incoming: IncomingMessage,
  handle: (value: unknown) => Promise<Answered>,
): Promise<Reply> {
  const lines = linesOf(await readBytes(incoming, maxBytes));
  return answerEach(lines, async (line) => handle(parseJson(line)));
}

/** Answers each item with a line of NDJSON, in order, one after the other, and a last line that counts. */
export function answerEach<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  handle: (item: Item) => Promise<Answered>,
): Reply {
  async function* answers() {
    let accepted = 0;
    let index = 0;
    for await (const item of items) {
      const answer = await answerOne(item, handle);
      if (answer.success) accepted++;
      yield `${JSON.stringify({ index, ...answer })}\n`;
      index++;
    }
    yield `${JSON.stringify({ done: true, accepted, failed: index - accepted })}\n`;
  }
  return { stream: Readable.from(answers()), headers: { 'content-type': ndjsonType } };
}

async function answerOne<Item>(item: Item, handle: (item: Item) => Promise<Answered>): Promise<Answered> {
  try {
    return { success: true, ...(await handle(item)) };
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
