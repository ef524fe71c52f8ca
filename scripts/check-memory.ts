import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, wholeNumbers } from './command-line.ts';
import { type MemoryReport, watchMemory } from './memory/run.ts';
import { slopeOf } from './memory/slope.ts';

const help = `Asks a server of its own for hundreds of thousands of predictions (tensors of ONNX and TensorFlow.js models, texts,
mistakes), with cold models that push each other out of the cache, and looks at the anonymous memory of the server and
its runners whenever all is quiet.

Usage: npm run check:memory -- [options]

  --predictions  after the warm-up, default 200000
  --cycles       loads that each push a model out of the cache, default 500
  --warm-up      predictions before the first sample, default 40000
  --samples      after the first, default 10
  --allowed      growth in MB from which the exit code is 1, default 5
  --connections  default 16
  --threads      threads of the server that answer HTTP, default 1
  --json         the report as JSON
  --help         this text

Exit code: 0 when memory is flat and every answer right, 1 when not, 2 when the run could not start or go on.`;

const options = {
  predictions: { type: 'string', default: '200000' },
  cycles: { type: 'string', default: '500' },
  'warm-up': { type: 'string', default: '40000' },
  samples: { type: 'string', default: '10' },
  allowed: { type: 'string', default: '5' },
  connections: { type: 'string', default: '16' },
  threads: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
} as const;

await runCommand(help, options, async (values) => {
  const { json, ...texts } = values;
  const { 'warm-up': warmUp, allowed, ...numbers } = wholeNumbers(texts);
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-memory-'));
  try {
    const report = await watchMemory({
      root,
      ...numbers,
      warmUp,
      onSample: (done, memory) =>
        json ||
        console.log(
          [`${done}`.padStart(7), ...Object.entries(memory).map(([name, bytes]) => `${name} ${megabytes(bytes)}`)].join(
            '  ',
          ),
        ),
    });
    const growth = growthOf(report);
    console.log(json ? JSON.stringify({ ...report, growth }, null, 2) : describe(report, growth));
    const isFlat = (growth.all?.growthBytes ?? 0) <= allowed * 1e6;
    return isFlat && Object.keys(report.wrong).length === 0 ? 0 : 1;
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
});

interface Growth {
  /** From the first to the last sample along the straight line nearest to all. */
  readonly growthBytes: number;
  readonly first: number;
  readonly last: number;
  readonly least: number;
  readonly most: number;
}

function growthOf({ series }: MemoryReport): Readonly<Record<string, Growth>> {
  const names = [...new Set(series.flatMap(({ memory }) => Object.keys(memory)))];
  const of = (values: readonly number[]): Growth => ({
    growthBytes: slopeOf(values) * (values.length - 1),
    first: values[0] ?? 0,
    last: values.at(-1) ?? 0,
    least: Math.min(...values),
    most: Math.max(...values),
  });
  // A spare runner takes over while another is stuck, and ends after a minute without work.
  const lasting = names.filter((name) => !name.endsWith('-spare'));
  const sums = series.map(({ memory }) => lasting.reduce((sum, name) => sum + (memory[name] ?? 0), 0));
  return {
    ...Object.fromEntries(names.map((name) => [name, of(series.map(({ memory }) => memory[name] ?? 0))])),
    all: of(sums),
  };
}

function describe({ predictions, cycles, seconds, answers, wrong }: MemoryReport, growth: ReturnType<typeof growthOf>) {
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ');
  return [
    '',
    `${predictions} predictions and ${cycles} loads in ${seconds.toFixed(0)} s, quiet times included`,
    `asked, warm-up included: ${counts(answers)}`,
    ...Object.entries(growth).map(
      ([name, { growthBytes, first, last, least, most }]) =>
        `${name.padEnd(18)} ${megabytes(first)} → ${megabytes(last)}  (${megabytes(least)} to ${megabytes(most)}), trend ${megabytes(growthBytes)}`,
    ),
    Object.keys(wrong).length > 0 ? `not as they should be: ${counts(wrong)}` : 'every answer as it should be',
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
