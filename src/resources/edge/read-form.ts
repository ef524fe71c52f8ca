import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { AppError } from '../../errors.ts';

export interface Form<File> {
  readonly fields: Readonly<Record<string, string>>;
  /** What the receiver made of the one file. */
  readonly file: File;
}

const limits = { fieldNameSize: 100, fieldSize: 65_536, fields: 20, files: 1, parts: 21, headerPairs: 100 };

/**
 * Reads a multipart form with one file, which is handed on as it arrives.
 *
 * @param receive  consumes the file's bytes.
 * @param discard  called with what `receive` made, when the form turns out to be broken.
 * @throws AppError UNSUPPORTED_MEDIA_TYPE, INVALID_INPUT, BODY_TOO_LARGE, and what `receive` throws
 */
export async function readForm<File>(
  incoming: IncomingMessage,
  receive: (bytes: Readable) => Promise<File>,
  discard: (file: File) => Promise<unknown>,
): Promise<Form<File>> {
  const type = incoming.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `Expected content-type multipart/form-data with a boundary, got ${type ? `"${type.slice(0, 100)}"` : 'none'}.`,
    );
  }
  const fields: Record<string, string> = Object.create(null);
  let receiving: Promise<File> | undefined;
  try {
    await parse(incoming, type, fields, (bytes) => {
      receiving = receive(bytes);
      return receiving;
    });
  } catch (error) {
    const file = await receiving?.catch(() => undefined);
    if (file !== undefined) await discard(file);
    throw error instanceof AppError ? error : invalid('body', 'is not a complete multipart form', error);
  }
  if (!receiving) throw invalid('file', 'expected one file in the field "file", got none');
  return { fields: { ...fields }, file: await receiving };
}

function parse(
  incoming: IncomingMessage,
  type: string,
  fields: Record<string, string>,
  receive: (bytes: Readable) => Promise<unknown>,
) {
  return new Promise<void>((resolve, reject) => {
    const parser = new Busboy({ headers: { 'content-type': type }, limits });
    let part: Readable | undefined;
    let file: Promise<unknown> = Promise.resolve();
    let hasFailed = false;
    const fail = (error: unknown) => {
      hasFailed = true;
      incoming.unpipe(parser);
      parser.destroy();
      // The parser leaves the file it was in open: whoever receives it would wait for ever.
      part?.destroy();
      reject(error);
    };
    parser.on('file', (_name, bytes) => {
      // A small form may break off before its receiver listens, who then finds it closed. Why a file was not
      // taken, only the receiver knows.
      bytes.on('error', () => bytes.destroy());
      // The parser goes on to the end of what it was given.
      if (hasFailed) return void bytes.destroy();
      part = bytes;
      file = receive(bytes);
      file.catch(fail);
    });
    parser.on('field', (name, value, _nameCut, valueCut) => {
      if (valueCut)
        fail(new AppError('BODY_TOO_LARGE', `${name.slice(0, 100)}: expected at most 64 kB in a form field.`));
      else if (Object.hasOwn(fields, name)) fail(invalid(name, 'expected once, got several times'));
      else fields[name] = value;
    });
    parser.on('filesLimit', () => fail(invalid('file', 'expected one file, got several')));
    parser.on('fieldsLimit', () => fail(invalid('body', `expected at most ${limits.fields} fields`)));
    parser.on('partsLimit', () => fail(invalid('body', `expected at most ${limits.parts} parts`)));
    parser.on('error', fail);
    parser.on('finish', () => void file.then(() => resolve(), reject));
    incoming.on('aborted', () => fail(invalid('body', 'ended before it was complete')));
    incoming.pipe(parser);
  });
}

function invalid(path: string, message: string, cause?: unknown) {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { cause, violations: [{ path, message }] });
}
