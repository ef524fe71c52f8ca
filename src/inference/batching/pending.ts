import { AppError } from '../../errors.ts';
import { monotonicMs } from './monotonic.ts';

export type PendingState = 'queued' | 'running' | 'settled';

/** One request on its way through the engine: its promise, its deadline, and whether anyone still wants it. */
export class Pending<T> {
  readonly result: Promise<T>;
  /** On the clock of `monotonicMs`. */
  readonly deadline: number;
  readonly enqueuedAt: number;
  startedAt = 0;
  #state: PendingState = 'queued';
  readonly #onChange: (from: PendingState, to: PendingState) => void;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;

  constructor(
    deadline: number,
    enqueuedAt: number,
    onChange: (from: PendingState, to: PendingState) => void = () => {},
  ) {
    this.deadline = deadline;
    this.enqueuedAt = enqueuedAt;
    this.#onChange = onChange;
    this.result = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get state(): PendingState {
    return this.#state;
  }

  /** Marks the first moment that a model works for this request. */
  start(): void {
    if (this.#state !== 'queued') return;
    this.startedAt = monotonicMs();
    this.#change('running');
  }

  resolve(value: T): void {
    if (this.#state === 'settled') return;
    this.#change('settled');
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    if (this.#state === 'settled') return;
    this.#change('settled');
    this.#reject(reason);
  }

  /** False when it was cancelled, or when its deadline has passed, which is answered here. */
  isWanted(now: number): boolean {
    if (this.#state === 'settled') return false;
    if (now < this.deadline) return true;
    this.reject(timedOut());
    return false;
  }

  #change(to: PendingState): void {
    const from = this.#state;
    this.#state = to;
    this.#onChange(from, to);
  }
}

/** The answer at a deadline. */
export const timedOut = (): AppError =>
  new AppError(
    'INFERENCE_TIMEOUT',
    'The model did not answer before the deadline of the request; try again or send less at once',
    {
      retryAfterSeconds: 1,
    },
  );
