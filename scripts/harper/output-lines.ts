import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { jsonLine } from '../../src/lib/structured-log.ts';
import { Throttle } from '../../src/lib/throttle.ts';

/** How Harper begins a record; what follows without such a beginning belongs to it. */
const harperRecord = /^\d{4}-\d\d-\d\dT[\d:.]+Z?\s.*?\[(fatal|error|warn|notify|info|debug|trace)\]:?\s*/;
const levels: Readonly<Record<string, string>> = { fatal: 'error', notify: 'info', trace: 'debug' };

/**
 * What Harper's process prints, line by line: as it comes, or as JSON, whatever wrote it. Problems of one kind that
 * Harper repeats, as it does when its disk is full, are cut down to one a second.
 */
export class OutputLines {
  readonly #format: 'text' | 'json';
  readonly #write: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  readonly #throttle: Throttle;
  #rest = '';
  #isLeftOut = false;

  /** @param write  takes whole lines with their ends. */
  constructor(format: 'text' | 'json', write: (text: string) => void, now: () => number = Date.now) {
    this.#format = format;
    this.#write = write;
    this.#throttle = new Throttle(now);
  }

  take(bytes: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = lines.pop() ?? '';
    const kept = lines.flatMap((line) => this.#line(line));
    if (kept.length > 0) this.#write(kept.map((line) => `${line}\n`).join(''));
  }

  /** Writes what came without a line's end. */
  end(): void {
    if (this.#rest !== '') this.take(Buffer.from('\n'));
  }

  #line(line: string): string[] {
    const plain = stripVTControlCharacters(line);
    if (this.#format === 'json' && isJsonObject(line)) return [line];
    const [head = '', level = ''] = harperRecord.exec(plain) ?? [];
    const isProblem = ['fatal', 'error', 'warn'].includes(level);
    if (head !== '') this.#isLeftOut = isProblem && this.#throttle.pass(plain.slice(head.length)) === undefined;
    if (this.#isLeftOut) return [];
    if (this.#format === 'text') return [line];
    if (plain.trim() === '') return [];
    const words = { level: levels[level] ?? (level || 'info'), source: 'harper', message: plain.slice(head.length) };
    return [jsonLine({ time: new Date().toISOString(), ...words })];
  }
}

function isJsonObject(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}
