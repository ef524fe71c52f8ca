import { AppError } from '../errors.ts';
import type { CsvRow } from './edge/csv.ts';
import { parseJson } from './edge/read-json.ts';

/** A row as `/feedback` takes it in JSON, not yet checked. */
export type FeedbackFields = Readonly<Record<string, unknown>>;

const forms = 'inferenceId,outcome or requestId,outcome, each with or without ,correct';
const known = new Set(['inferenceId', 'requestId', 'outcome', 'correct']);

/**
 * Checks the header of a table of feedback; columns may stand in any order.
 *
 * @returns reads a row as the fields of one feedback; it throws AppError INVALID_INPUT, INVALID_JSON or
 *          INPUT_NOT_FINITE for a row that cannot be read.
 * @throws  AppError INVALID_INPUT
 */
export function feedbackReader(header: readonly string[]): (row: CsvRow) => FeedbackFields {
  const columns = header.map((name) => name.trim()).map((name) => (name === 'actualOutcome' ? 'outcome' : name));
  const has = (name: string) => columns.includes(name);
  const isGood =
    columns.every((name) => known.has(name)) &&
    new Set(columns).size === columns.length &&
    has('inferenceId') !== has('requestId') &&
    has('outcome');
  if (!isGood) throw invalid('header', `expected ${forms}, got ${header.join(',').slice(0, 200) || 'an empty one'}`);
  return (row) => {
    if (row instanceof AppError) throw row;
    if (row.length !== columns.length) throw invalid('row', `expected ${columns.length} cells, got ${row.length}`);
    return Object.fromEntries(
      columns.flatMap((name, index) => {
        const value = valueOf(name, row[index] ?? '');
        return value === undefined ? [] : [[name, value]];
      }),
    );
  };
}

/** An empty cell says nothing. */
function valueOf(name: string, cell: string): unknown {
  if (name === 'correct') return verdictOf(cell.trim().toLowerCase());
  if (name === 'outcome') return cell === '' ? undefined : outcomeOf(cell);
  return cell;
}

function verdictOf(cell: string): boolean | undefined {
  if (cell === '') return undefined;
  if (cell !== 'true' && cell !== 'false') {
    throw invalid('correct', `expected true, false or an empty cell, got "${cell.slice(0, 64)}"`);
  }
  return cell === 'true';
}

/** Numbers, booleans, objects and lists in JSON are what they say; everything else is text. */
function outcomeOf(cell: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(cell);
  } catch {
    return cell;
  }
  const isText = value === null || typeof value === 'string';
  // Once more, within the limits that hold for all JSON.
  return isText ? cell : parseJson(Buffer.from(cell));
}

function invalid(path: string, message: string): AppError {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}
