import { oneLine } from './one-line.ts';
import { Throttle } from './throttle.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface LogOptions {
  /** Lines of a lower level are not written. */
  readonly level: LogLevel;
  /** Takes a line of JSON, or the words of a line of text with its level. */
  readonly write: (line: string, level: LogLevel) => void;
  readonly format: 'text' | 'json';
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Lines that a person or a program reads, one line each whatever is in them. Problems of one kind are written 20
 * times, then once a second with a count of those left out: a disk that fails must not be filled with its failures.
 */
export class StructuredLog {
  readonly #options: LogOptions;
  readonly #throttle: Throttle;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#throttle = new Throttle(options.now);
  }

  writes(level: LogLevel): boolean {
    return ranks[level] >= ranks[this.#options.level];
  }

  /** @param cause  An error tells its name, message and stack; nothing else of it is written. */
  problem(level: 'warn' | 'error', message: string, cause?: unknown, fields: LogFields = {}): void {
    if (!this.writes(level)) return;
    const left = this.#throttle.pass(`${level} ${message}`);
    if (left === undefined) return;
    this.line(level, message, { ...fields, ...(left > 0 && { leftOut: left }), ...causeFields(cause) });
  }

  line(level: LogLevel, message: string, fields: LogFields): void {
    if (!this.writes(level)) return;
    const { format, write, now } = this.#options;
    if (format === 'text') write(oneLine(`ai-ops: ${message}${words(fields)}`), level);
    else write(jsonLine({ time: new Date(now()).toISOString(), level, message, ...fields }), level);
  }
}

/** A line of JSON in which nothing moves a terminal's cursor or ends a line. */
export const jsonLine = (fields: LogFields): string =>
  JSON.stringify(fields).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const words = (fields: LogFields): string =>
  Object.entries(fields)
    .map(([name, value]) => (value === undefined || value === null ? '' : ` ${name}=${value}`))
    .join('');

function causeFields(cause: unknown): LogFields {
  if (cause === undefined || cause === '') return {};
  if (!(cause instanceof Error)) return { cause: typeof cause === 'string' ? cause.slice(0, 4_000) : typeof cause };
  const { name, message, stack = '' } = cause;
  // A parser's message quotes what it read, which may be anybody's data.
  const told = cause instanceof SyntaxError ? '' : message.slice(0, 500);
  const at = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    error: name,
    cause: told,
    stack: at
      .slice(0, 12)
      .map((line) => line.trim())
      .join(' | '),
  };
}
