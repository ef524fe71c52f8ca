import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const maxBytes = 64 * 2 ** 20;
const retryMs = 1_000;

/**
 * A file that takes lines and never more than 64 MiB: then it becomes `<name>.1`, in the place of an older one. While
 * the disk takes nothing, lines are lost, and it is tried again once a second.
 */
export class LogFile {
  readonly #path: string;
  #file: number | undefined;
  #bytes = 0;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
    this.#open('w');
  }

  write(text: string): void {
    if (performance.now() - this.#failedAt < retryMs) return;
    try {
      if (this.#bytes > maxBytes) this.#turn();
      if (this.#file === undefined) this.#open('a');
      if (this.#file !== undefined) this.#bytes += writeSync(this.#file, text);
    } catch {
      this.#failedAt = performance.now();
    }
  }

  #turn(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    renameSync(this.#path, `${this.#path}.1`);
  }

  #open(how: 'w' | 'a'): void {
    try {
      this.#file = openSync(this.#path, how);
      this.#bytes = fstatSync(this.#file).size;
    } catch {
      this.#failedAt = performance.now();
    }
  }
}
