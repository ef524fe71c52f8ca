/** The channel on which the main thread and the HTTP threads of a server arrange its end. */
export const stopChannel = 'ai-ops-stop';

/**
 * From the main thread: `stop`, `leave`, `end`. From HTTP threads, each with its number: `hello` when it starts,
 * then `stopping`, `shut` (it takes no new connection), `drained` and `ended`.
 */
export type StopNotice =
  /** Say that you are not ready, and soon take no new connection. */
  | { readonly type: 'stop' }
  /** No thread takes a new connection any more: answer what you have, write what you hold. */
  | { readonly type: 'leave' }
  /** All threads are done: end what they shared. */
  | { readonly type: 'end' }
  | { readonly type: 'hello' | 'stopping' | 'shut' | 'drained' | 'ended'; readonly thread: number };
