import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AttackReport, attackCache } from './cache-attack/run.ts';
import { runCommand, wholeNumbers } from './command-line.ts';

const help = `Attacks the model cache of a server of its own: many more models than the cache holds, asked all at once and then at
random, while they are reloaded, deleted and registered again. Every answer must be that of the model it names; no model
is used after it was let go, no runner ends, and memory comes back within its budget.

Usage: npm run check:cache -- [options]

  --models   how many, default 1000
  --cache    MODEL_CACHE_SIZE of the server, default 10
  --clients  that ask at the same time, default 16
  --seconds  of attack, default 180
  --seed     decides what is asked, default 1
  --threads  threads of the server that answer HTTP, default 2
  --json     the report as JSON
  --help     this text

Exit code: 0 when nothing was found, 1 when something was, 2 when the run could not start or go on.`;

const options = {
  models: { type: 'string', default: '1000' },
  cache: { type: 'string', default: '10' },
  clients: { type: 'string', default: '16' },
  seconds: { type: 'string', default: '180' },
  seed: { type: 'string', default: '1' },
  threads: { type: 'string', default: '2' },
  json: { type: 'boolean', default: false },
} as const;

await runCommand(help, options, async (values) => {
  const { json, ...texts } = values;
  const numbers = wholeNumbers(texts);
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-cache-'));
  try {
    const report = await attackCache({
      root,
      ...numbers,
      onProgress: (words) => json || console.log(words),
    });
    console.log(json ? JSON.stringify(report, null, 2) : describe(report));
    return report.findings.length === 0 ? 0 : 1;
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
});

function describe({ seed, answers, storm, latestMs, runners, held, budgetBytes, findings }: AttackReport): string {
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .sort(([, a], [, b]) => b - a)
      .map(([what, count]) => `  ${what}: ${count}`);
  return [
    `seed ${seed}`,
    `all at once, ${storm.seconds.toFixed(1)} s`,
    ...counts(storm.answers),
    'in all',
    ...counts(answers),
    `an answer was behind a change by at most ${latestMs} ms`,
    ...runners.after.map(({ id, restarts, memoryBytes }) => {
      const before = runners.before.find((one) => one.id === id)?.memoryBytes ?? 0;
      const peak = runners.peakBytes[id] ?? 0;
      return `runner ${id}: ${mebibytes(before)} before, ${mebibytes(peak)} at most, ${mebibytes(memoryBytes)} after; restarts ${restarts}`;
    }),
    `held ${held.models} models of ${held.bytes} bytes (budget ${mebibytes(budgetBytes)} a runner); ${held.inFlight} in flight, ${held.queued} queued`,
    `findings ${findings.length}`,
    ...findings.map(({ wrong, times, example }) => `- ${wrong}, ${times} times, first: ${example}`),
  ].join('\n');
}
