import type { IncomingMessage } from 'node:http';
import { AppError } from '../../errors.ts';

const jsonType = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i;
const maxDepth = 32;
/** Only such literals can overflow to infinity: 199 digits with an exponent of two stay below 1e298. */
const mayOverflow = /[eE]\+?\d{3}|\d{200}/;
/** Only such escapes can leave half of a surrogate pair alone: bytes that are UTF-8 never do. */
const mayBeHalf = /\\u[dD][89a-fA-F]/;
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a request's body as JSON.
 *
 * @returns undefined when there is no body.
 * @throws AppError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, INVALID_JSON, INPUT_NOT_FINITE
 */
export async function readJson(incoming: IncomingMessage, maxBytes: number): Promise<unknown> {
  const bytes = await readBytes(incoming, maxBytes);
  const type = incoming.headers['content-type'];
  if (bytes.length === 0 && type === undefined) return undefined;
  // Of several headers Node keeps the first, and the next reader may keep another.
  if (type === undefined || !jsonType.test(type) || countOf(incoming, 'content-type') > 1) {
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `Expected content-type application/json, got ${type ? `"${type.slice(0, 100)}"` : 'none'}.`,
    );
  }
  if (bytes.length === 0) throw new AppError('INVALID_JSON', 'Expected a JSON body, got an empty one.');
  return parseJson(bytes);
}

/** @throws AppError INVALID_JSON, INPUT_NOT_FINITE */
export function parseJson(bytes: Buffer): unknown {
  if (nesting(bytes) > maxDepth)
    throw new AppError('INVALID_JSON', `Expected JSON of at most ${maxDepth} levels, got more.`);
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new AppError('INVALID_JSON', 'Expected JSON in UTF-8, got bytes that are not UTF-8.', { cause });
  }
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason =
      cause instanceof Error
        ? cause.message
            .replace(/"[\s\S]*"/, '')
            .slice(0, 120)
            .trim()
        : '';
    throw new AppError('INVALID_JSON', `The body is not JSON: ${reason || 'it does not parse'}.`, { cause });
  }
  if (mayOverflow.test(text) || mayBeHalf.test(text)) refuseUnfit(value);
  return value;
}

const countOf = ({ rawHeaders = [] }: IncomingMessage, wanted: string): number =>
  rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === wanted).length;

export async function readBytes(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) return void chunks.push(chunk);
      stop();
      reject(tooLarge(maxBytes));
    };
    const onEnd = () => {
      stop();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    };
    const onError = (cause: unknown) => {
      stop();
      reject(new AppError('INVALID_INPUT', 'The body ended before it was complete.', { cause }));
    };
    const onClose = () => onError(undefined);
    const stop = () => {
      incoming.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    };
    incoming.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

const tooLarge = (maxBytes: number) =>
  new AppError('BODY_TOO_LARGE', `Expected at most ${maxBytes} bytes of body, got more.`);

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]');

/** Deepest nesting of arrays and objects, found without recursion. */
function nesting(bytes: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === backslash) i++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBrace || byte === openBracket) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return deepest;
}

/** Numbers that no double holds, and text that is no Unicode. */
function refuseUnfit(root: unknown): void {
  const waiting: { value: unknown; path: string }[] = [{ value: root, path: '' }];
  for (let item = waiting.pop(); item; item = waiting.pop()) {
    const { value, path } = item;
    if (typeof value === 'number' && !Number.isFinite(value))
      throw unfit('INPUT_NOT_FINITE', path, 'expected a number that a double can hold, got one beyond 1.8e308');
    if (typeof value === 'string' && !value.isWellFormed())
      throw unfit('INVALID_JSON', path, 'expected Unicode text, got half of a surrogate pair');
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (!key.isWellFormed())
        throw unfit('INVALID_JSON', path, 'expected Unicode names, got half of a surrogate pair');
      const place = Array.isArray(value) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
      waiting.push({ value: child, path: place });
    }
  }
}

function unfit(code: 'INPUT_NOT_FINITE' | 'INVALID_JSON', path: string, message: string): AppError {
  return new AppError(code, `${path.slice(0, 256) || 'body'}: ${message}.`, {
    violations: [{ path: path.slice(0, 256), message }],
  });
}
