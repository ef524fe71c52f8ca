import { AppError } from '../../errors.ts';

/** The runners cannot be asked now. */
export const notReady = (why: string): AppError =>
  new AppError('NOT_READY', `${why}; try again in a moment`, { retryAfterSeconds: 1 });

/** @param limit  requests that may be under way at a time. */
export const queueFull = (limit: number): AppError =>
  new AppError(
    'QUEUE_FULL',
    `Expected at most ${limit} requests at a time in this thread; the queue is full, try again in a second`,
    {
      retryAfterSeconds: 1,
    },
  );
