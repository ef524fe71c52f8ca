import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, wholeNumbers } from './command-line.ts';
import { checkDurability, type DurabilityReport, type Round } from './durability/run.ts';

const help = `Kills a server of its own with SIGKILL in the middle of uploads, predictions and feedback, starts it again on the
same data, and checks that everything it had acknowledged is there and whole, and that nothing half-made is to be seen.

Usage: npm run check:durability -- [options]

  --rounds   how often to kill, default 20
  --seed     decides sizes, contents and the moments of killing, default 1
  --threads  threads of the server that answer HTTP, default its own choice
  --keep     leave the server's folder where it is, and say where
  --json     the report as JSON
  --help     this text

Exit code: 0 when nothing was lost, 1 when something was, 2 when the run could not start or go on.`;

const options = {
  rounds: { type: 'string', default: '20' },
  seed: { type: 'string', default: '1' },
  threads: { type: 'string' },
  keep: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

await runCommand(help, options, async (values) => {
  const { rounds } = wholeNumbers({ rounds: values.rounds });
  const { seed } = wholeNumbers({ seed: values.seed }, 0);
  const { threads } = values.threads === undefined ? {} : wholeNumbers({ threads: values.threads });
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-durability-'));
  try {
    const report = await checkDurability({
      root,
      rounds,
      seed,
      ...(threads !== undefined && { threads }),
      onRound: (round) => values.json || tell(round),
    });
    console.log(values.json ? JSON.stringify(report, null, 2) : describe(report));
    return report.losses.length === 0 ? 0 : 1;
  } finally {
    if (values.keep) console.error(`The server's folder: ${root}`);
    else await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
});

function tell({
  round,
  loadMs,
  lingeredMs,
  restartMs,
  acknowledged: { predictions, feedback, uploads },
  losses,
}: Round): void {
  const counts = `${predictions} predictions, ${feedback} feedback, ${uploads} uploads acknowledged`;
  const times = `killed after ${loadMs} ms, gone after ${Math.round(lingeredMs)} ms, back in ${(restartMs / 1000).toFixed(1)} s`;
  console.log(`round ${round}: ${counts}; ${times}; ${losses.length} lost`);
}

function describe({
  rounds,
  acknowledged,
  unacknowledged,
  losses,
  orphanPackages,
  refusals,
}: DurabilityReport): string {
  const restarts = rounds.map(({ restartMs }) => restartMs / 1000);
  const mean = restarts.reduce((sum, one) => sum + one, 0) / restarts.length;
  return [
    '',
    `acknowledged   ${acknowledged.predictions} predictions, ${acknowledged.feedback} feedback, ${acknowledged.uploads} models (${(acknowledged.uploadedBytes / 1e6).toFixed(0)} MB)`,
    `interrupted    ${unacknowledged.predictions} predictions, ${unacknowledged.feedback} feedback, ${unacknowledged.uploads} models (${(unacknowledged.uploadedBytes / 1e6).toFixed(0)} MB)`,
    `restart        mean ${mean.toFixed(1)} s, longest ${Math.max(...restarts).toFixed(1)} s`,
    `refused        ${
      Object.entries(refusals)
        .map(([what, count]) => `${what}: ${count}`)
        .join(', ') || 'nothing'
    }`,
    `orphans        ${orphanPackages} packages on disk without a model`,
    `lost           ${losses.length}`,
    ...losses.slice(0, 50).map(({ operation, id, problem }) => `  ${operation} ${id}: ${problem}`),
  ].join('\n');
}
