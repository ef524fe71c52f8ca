/**
 * Milliseconds on a clock that never jumps. Unlike `performance.now()` it has the same zero in every thread and
 * process of this machine, so deadlines can be sent from one to another.
 */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
};
