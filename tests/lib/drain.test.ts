import { expect, it } from 'vitest';
import { Drain } from '../../src/lib/drain.ts';

function gate() {
  let resolve: (value: string) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<string>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  return { promise, resolve, reject };
}

it('closes once, after what has begun, and refuses what comes later', async () => {
  const events: string[] = [];
  const drain = new Drain(
    async () => void events.push('closed'),
    () => new Error('too late'),
  );
  const [first, second] = [gate(), gate()];
  const running = [drain.run(() => first.promise), drain.run(() => second.promise)];
  const closing = Promise.all([drain.close(), drain.close()]);
  await expect(drain.run(async () => 'never')).rejects.toThrow('too late');
  first.resolve('first');
  await running[0];
  expect(events).toEqual([]);
  second.reject(new Error('failed'));
  await expect(running[1]).rejects.toThrow('failed');
  await closing;
  await drain.close();
  expect(events).toEqual(['closed']);
});
