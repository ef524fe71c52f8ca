import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runCommand, UsageError } from './command-line.ts';
import { projectRoot } from './harper/project-root.ts';
import { type Range, sampleOf } from './mutation/sample.ts';
import { type MutationReport, scoreOf, survivorsOf } from './mutation/score.ts';
import { besideCopies, run, strykerCommand } from './mutation/tool.ts';

const folders = ['registry', 'inference', 'monitoring'] as const;

const help = `Changes the sources of registry, inference and monitoring in small ways, one at a time, and runs the unit tests that
reach the change: a change that no test notices is a hole. The whole of it takes hours on two cores.

Usage: npm run test:mutation -- [options]

  --folder       one of ${folders.join(', ')}; all of them unless given
  --sample       percent of the lines to change, chosen by chance, default 100
  --seed         decides the sample, default 1
  --concurrency  test processes at a time, default 1
  --minimum      score in percent below which the exit code is 1, default 70
  --survivors    lists the changes that nobody noticed
  --json         the scores as JSON
  --help         this text

Exit code: 0 when every folder reaches the minimum, 1 when one does not, 2 when the run could not start or go on.`;

const options = {
  folder: { type: 'string' },
  sample: { type: 'string', default: '100' },
  seed: { type: 'string', default: '1' },
  concurrency: { type: 'string', default: '1' },
  minimum: { type: 'string', default: '70' },
  survivors: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

await runCommand(help, options, async (values) => {
  const [sample, seed, concurrency, minimum] = [values.sample, values.seed, values.concurrency, values.minimum].map(
    Number,
  );
  const chosen = folders.filter((folder) => values.folder === undefined || values.folder === folder);
  const isWrong =
    !(Number(sample) > 0 && Number(sample) <= 100) || !Number.isInteger(seed) || !(Number(concurrency) >= 1);
  if (isWrong || chosen.length === 0) {
    throw new UsageError('Expected --folder as listed below, --sample above 0 up to 100, and whole numbers from 1.');
  }
  const configFile = join('scripts', 'mutation', 'stryker.config.mjs');
  const { default: config } = (await import(pathToFileURL(join(projectRoot, configFile)).href)) as {
    default: { readonly mutate: readonly string[]; readonly tempDirName: string };
  };
  const leftOut = config.mutate.filter((pattern) => pattern.startsWith('!'));
  const ranges = chosen.flatMap((folder): readonly (Range | string)[] =>
    sample === 100
      ? [`src/${folder}/**/*.ts`]
      : sampleOf(
          `src/${folder}`,
          Number(sample) / 100,
          Number(seed),
          new Set(leftOut.map((pattern) => pattern.slice(1))),
        ),
  );
  const command = await strykerCommand();
  const args = [configFile, '--concurrency', String(concurrency), '--mutate', [...ranges, ...leftOut].join(',')];
  const code = await besideCopies(config.tempDirName, () =>
    run(process.execPath, [command, 'run', ...args], projectRoot, { MUTATED_FOLDERS: chosen.join(',') }),
  );
  if (code !== 0) throw new Error(`Stryker ended with code ${code}.`);
  const report = JSON.parse(
    await readFile(join(projectRoot, 'dist', 'mutation', 'mutation.json'), 'utf8'),
  ) as MutationReport;
  const scores = Object.fromEntries(chosen.map((folder) => [folder, scoreOf(report, `src/${folder}`)]));
  if (values.json) console.log(JSON.stringify({ sample, seed, scores, survivors: survivorsOf(report) }, null, 2));
  else {
    for (const [folder, { killed, timeout, survived, noCoverage, percent }] of Object.entries(scores)) {
      const counts = `${killed} killed, ${timeout} ran out of time, ${survived} survived, ${noCoverage} never run`;
      console.log(`${folder}: ${percent.toFixed(1)} % (${counts})`);
    }
    if (values.survivors) console.log(survivorsOf(report).join('\n'));
  }
  return Object.values(scores).some(({ percent }) => percent < Number(minimum)) ? 1 : 0;
});
