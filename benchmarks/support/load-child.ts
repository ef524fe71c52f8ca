import autocannon from 'autocannon';
import type { LoadOptions, LoadResult } from './load-client.ts';
import { quantile } from './statistics.ts';

// Runs in a process of its own, so that making requests and measuring do not share an event loop.

process.on('message', (options: LoadOptions) => {
  run(options).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  );
});

function run({ url, authorization, body, connections, requests }: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const latencies: number[] = [];
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    let lastAt = startedAt;
    const load = autocannon(
      {
        url,
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body,
        connections,
        amount: requests,
        timeout: 30,
      },
      (error, result) => {
        if (error) return reject(error);
        const seconds = (lastAt - startedAt) / 1000;
        const { user, system } = process.cpuUsage(cpu);
        return resolve({
          answered: latencies.length,
          failed: result.errors + result.timeouts + result.non2xx,
          seconds,
          perSecond: latencies.length / seconds,
          p50Ms: quantile(latencies, 0.5),
          p99Ms: quantile(latencies, 0.99),
          clientCpuMs: (user + system) / 1000,
        });
      },
    );
    load.on('response', (_client: unknown, _status: number, _bytes: number, milliseconds: number) => {
      // autocannon itself rounds to whole milliseconds and to whole seconds.
      latencies.push(milliseconds);
      lastAt = performance.now();
    });
  });
}
