/** The channel on which the main thread and the HTTP threads of a server arrange its end. */
export const stopChannel = 'ai-ops-stop';

/** From the main thread: `who`, `stop`, `end`. From HTTP threads, each with its number: the others, in this order. */
export type StopNotice =
  | { readonly type: 'who' }
  /** Take no more, answer what you have, write what you hold. */
  | { readonly type: 'stop' }
  /** All threads are done: end what they shared. */
  | { readonly type: 'end' }
  | { readonly type: 'hello' | 'stopping' | 'drained' | 'ended'; readonly thread: number };
