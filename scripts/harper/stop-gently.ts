import { BroadcastChannel, isMainThread } from 'node:worker_threads';
import { type StopNotice, stopChannel } from '../../src/resources/edge/stop-notice.ts';

// Loaded before Harper, into its process. Harper ends at a signal at once, whatever its threads are doing, and
// only the main thread hears signals: so Harper's listeners are kept back until our threads have answered.

const signals: readonly string[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
/** A thread that says nothing for so long after the word is gone or hangs. */
const answerMs = 1_000;
/** For all threads to answer what they have and write what they hold. */
const drainMs = 9_000;
const endMs = 500;
/** For all threads to stop listening. */
const shutMs = 2_000;
/** How often to look whether the launcher still lives. */
const lookMs = 1_000;
/** A server without its launcher must be gone by then: nobody else would end it by force. */
const orphanMs = drainMs + shutMs + endMs;
/** A terminal sends its signal to every process of a group, which pass it on: that is one signal. */
const sameSignalMs = 300;

type Listener = (signal: string) => void;

function standBeforeHarper(): void {
  const theirs = new Map<string, Listener[]>(signals.map((signal) => [signal, []]));
  const ours: Listener = (signal) => void stop(signal);
  let stoppingSince: number | undefined;
  const threads = new Set<number>();
  const channel = new BroadcastChannel(stopChannel);
  const waiting = new Set<(notice: StopNotice) => void>();
  channel.onmessage = (event) => {
    const notice = (event as { data: StopNotice }).data;
    if (notice.type === 'hello') threads.add(notice.thread);
    for (const hear of waiting) hear(notice);
  };
  channel.unref();

  for (const signal of signals) process.on(signal, ours);
  process.on('newListener', (name: string, listener: Listener) => {
    const kept = theirs.get(name);
    if (!kept || listener === ours) return;
    kept.push(listener);
    // The event comes before the listener is there.
    queueMicrotask(() => process.removeListener(name, listener));
  });

  // A launcher that was killed can pass no signal on, and its server would hold port and data for ever.
  const launcher = process.ppid;
  const looking = setInterval(() => {
    if (process.ppid === launcher) return;
    clearInterval(looking);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphanMs).unref();
    void stop('SIGTERM');
  }, lookMs).unref();

  function leave(signal: string): void {
    for (const listener of theirs.get(signal) ?? []) listener(signal);
    process.exit(0);
  }

  /** Resolves when each of the threads has sent such a notice, or when the time is over. */
  function all(type: StopNotice['type'], among: Set<number>, patienceMs: number): Promise<Set<number>> {
    const heard = new Set<number>();
    return new Promise((resolve) => {
      const finish = () => {
        waiting.delete(hear);
        clearTimeout(timer);
        resolve(heard);
      };
      const hear = (notice: StopNotice) => {
        if (notice.type === type && 'thread' in notice) heard.add(notice.thread);
        if ([...among].every((thread) => heard.has(thread))) finish();
      };
      const timer = setTimeout(finish, patienceMs);
      waiting.add(hear);
      if (among.size === 0) finish();
    });
  }

  async function stop(signal: string): Promise<void> {
    const now = performance.now();
    if (stoppingSince !== undefined) {
      if (now - stoppingSince > sameSignalMs) leave(signal);
      return;
    }
    stoppingSince = now;
    channel.ref();
    const drained = all('drained', threads, drainMs);
    const shut = all('shut', threads, shutMs);
    const alive = all('stopping', threads, answerMs);
    channel.postMessage({ type: 'stop' } satisfies StopNotice);
    const living = await alive;
    for (const thread of threads) if (!living.has(thread)) threads.delete(thread);
    if (threads.size > 0) {
      await shut;
      channel.postMessage({ type: 'leave' } satisfies StopNotice);
      await drained;
      const ended = all('ended', threads, endMs);
      channel.postMessage({ type: 'end' } satisfies StopNotice);
      await ended;
    }
    leave(signal);
  }
}

if (isMainThread) standBeforeHarper();
