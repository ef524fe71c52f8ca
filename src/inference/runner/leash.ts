/** The pipe from a runner to its parent, see `watchdog.ts`; through it the runner also says that it is ready. */
export const LEASH_FD = 3;
