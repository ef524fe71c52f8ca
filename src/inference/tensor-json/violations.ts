import { AppError, type ErrorCode, type Violation } from '../../errors.ts';

export type InputCode = Extract<ErrorCode, `INPUT_${string}`>;

const cap = 32;

/** Collects what is wrong with an input, so that a caller can repair everything at once. */
export class InputViolations {
  readonly #violations: Violation[] = [];
  #code: InputCode | undefined;

  /** True when more violations would no longer be kept; walking on is then a waste. */
  get full(): boolean {
    return this.#violations.length >= cap;
  }

  get size(): number {
    return this.#violations.length;
  }

  add(code: InputCode, path: string, message: string): void {
    this.#code ??= code;
    if (!this.full) this.#violations.push({ path, message });
  }

  /** @throws AppError with the code of the first violation, when there is one. */
  throwIfAny(): void {
    const [first, ...others] = this.#violations;
    if (!first || !this.#code) return;
    const more = others.length ? ` (and ${this.full ? 'at least ' : ''}${others.length} more, see the list)` : '';
    throw new AppError(this.#code, `${first.path}: ${first.message}${more}`, { violations: this.#violations });
  }
}

/** A value as an error message shows it: short, and never the whole input. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an object' : String(value);
}
