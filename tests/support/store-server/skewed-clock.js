import { isMainThread, threadId } from 'node:worker_threads';

// Harper's threads read the time when they start and then count on by themselves; one that was interrupted just then
// stays behind the others. Here every second thread does, by more than any wait would hide.
if (!isMainThread && threadId % 2 === 0) {
  const now = Date.now;
  const until = now() + 3_000;
  Date.now = () => (now() < until ? now() - 40 : now());
}
