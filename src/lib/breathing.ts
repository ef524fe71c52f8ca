import { setImmediate } from 'node:timers/promises';

/** Few enough that a thread which reads a long table answers others within a few milliseconds. */
const pauseEvery = 256;

/** The same items, with a pause now and then in which the thread does other work. */
export async function* breathing<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    yield item;
    if (++count % pauseEvery === 0) await setImmediate();
  }
}
