import { isMainThread, Worker } from 'node:worker_threads';
import { startServer } from './runner-parent.ts';

// As `runner-parent.ts`, with the supervisor in a thread that ends while the process lives on.
if (isMainThread) {
  const thread = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
  process.stdin.once('data', () => void thread.terminate());
  setInterval(() => {}, 1000);
} else {
  startServer();
}
