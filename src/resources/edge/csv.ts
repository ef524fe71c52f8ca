import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { AppError } from '../../errors.ts';
import { readBytes } from './read-json.ts';

const maxBytes = 64 * 2 ** 20;
/** The parser works through so much at a time, and this thread serves others in between. */
const pieceBytes = 2 ** 16;

export const csvType = 'text/csv';

export const isCsv = ({ headers }: IncomingMessage): boolean =>
  /^text\/csv\s*(;\s*(charset="?utf-8"?|header=present)\s*)*$/i.test(headers['content-type'] ?? '');

/** Cells of a row, or why it has none. */
export type CsvRow = readonly string[] | AppError;

export interface CsvTable {
  readonly header: readonly string[];
  /** Rows after the header without empty lines, parsed as they are asked for. */
  readonly rows: AsyncIterable<CsvRow>;
}

/**
 * Reads a body as CSV (RFC 4180, with any line end and a byte order mark if there is one). The body is read whole
 * first, so a client that sends before it reads never waits for itself. Cells are text, whatever they look like;
 * a quote inside an unquoted cell is part of it.
 *
 * @throws AppError BODY_TOO_LARGE; INVALID_INPUT when it is not UTF-8 or has no header.
 */
export async function readCsv(incoming: IncomingMessage): Promise<CsvTable> {
  const bytes = await readBytes(incoming, maxBytes);
  if (!isUtf8(bytes)) throw new AppError('INVALID_INPUT', 'Expected CSV in UTF-8, got bytes that are not UTF-8.');
  const rows = rowsOf(bytes);
  const { value: header } = await rows.next();
  if (!header) throw new AppError('INVALID_INPUT', 'Expected CSV with a header, got an empty body.');
  if (header instanceof AppError) throw header;
  return { header, rows };
}

async function* rowsOf(bytes: Buffer): AsyncGenerator<CsvRow, undefined> {
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // An error of the stream would swallow the rows before it, so what does not parse takes its place among them.
    skip_records_with_error: true,
    on_skip: (error) => void parser.push(unreadable(error)),
  });
  for await (const row of Readable.from(piecesOf(bytes)).pipe(parser)) yield row as CsvRow;
}

function unreadable(error: CsvError | undefined): AppError {
  const message =
    error?.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'Expected every quote to be closed, but one that opens in this row is not. Close it, or double a quote that is text.'
      : 'Expected a row of CSV, but this one does not parse. Quote its cells.';
  return new AppError('INVALID_INPUT', message, { cause: error });
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
}
