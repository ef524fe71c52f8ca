import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../scripts/harper/project-root.ts';
import { backendsAt } from '../src/inference/backends/index.ts';
import { LocalEngine } from '../src/inference/local-engine.ts';
import { Predictor } from '../src/inference/predictor.ts';
import { openTextEncoder } from '../src/inference/text/text-encoder.ts';
import { FolderEntry } from '../src/registry/folder/folder-entry.ts';
import { gatherBytes } from '../src/registry/folder/gather-bytes.ts';
import { inspectPackage } from '../src/registry/gate/inspect-package.ts';
import type { Model } from '../src/registry/model.ts';
import { unpackModel } from '../src/registry/package/unpack-model.ts';
import { median } from './support/statistics.ts';

const usage = `Measures the first request after a load, with and without the run that warms a model up (metadata.preload), beside
a later request. The engine is the runner's, in this process.

  node scripts/prepare.mjs tool benchmarks/measure-cold [--rounds 15] [--json]

Both take turns, each after a load of its own. Prints medians of
milliseconds and of the processor's, which tell more on a busy machine.`;

const names = ['digits-onnx', 'digits-tensorflow', 'all-minilm-l6-v2', 'universal-sentence-encoder', 'guesslang'];
/** What callers ask: not what the warm-up asks. */
const questions: Readonly<Record<string, unknown>> = {
  'digits-onnx': { pixels: Array.from({ length: 64 }, (_, at) => at % 17) },
  'digits-tensorflow': { pixels: Array.from({ length: 64 }, (_, at) => at % 17) },
  'all-minilm-l6-v2': { text: 'a warm jacket for cold winter days in the mountains' },
  'universal-sentence-encoder': { text: 'a warm jacket for cold winter days in the mountains' },
  guesslang: { text: 'SELECT id, name FROM users WHERE age > 3 ORDER BY name;' },
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'cold-'));
  try {
    const results = [];
    for (const name of names) results.push(await measure(name, work, Number(values.rounds)));
    if (values.json) return console.log(JSON.stringify(results, null, 2));
    console.log('median ms (processor ms)          first, cold      first, warm            later');
    for (const { name, cold, warm, later } of results) {
      const cells = [cold, warm, later].map(({ ms, cpuMs }) => `${ms.toFixed(1)} (${cpuMs.toFixed(1)})`.padStart(17));
      console.log(name.padEnd(28) + cells.join(''));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function measure(name: string, work: string, rounds: number) {
  const engine = new LocalEngine({
    backends: backendsAt('runner'),
    inspect: inspectPackage as ConstructorParameters<typeof LocalEngine>[0]['inspect'],
    openText: openTextEncoder,
  });
  const { model, predictor } = await prepare(name, work, engine);
  const ask = async () => {
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    await predictor.predict(model, questions[name]);
    const { user, system } = process.cpuUsage(cpu);
    return { ms: performance.now() - started, cpuMs: (user + system) / 1000 };
  };
  const times: Record<'cold' | 'warm' | 'later', { ms: number; cpuMs: number }[]> = { cold: [], warm: [], later: [] };
  for (let round = 0; round <= rounds; round++) {
    await predictor.loadAnew(model);
    const cold = await ask();
    await predictor.loadAnew(model);
    await predictor.warmUp(model);
    const warm = await ask();
    const later = await ask();
    // The first round also starts the framework.
    if (round === 0) continue;
    times.cold.push(cold);
    times.warm.push(warm);
    times.later.push(later);
  }
  await engine.close();
  return { name, cold: middle(times.cold), warm: middle(times.warm), later: middle(times.later) };
}

const middle = (all: readonly { readonly ms: number; readonly cpuMs: number }[]) => ({
  ms: median(all.map(({ ms }) => ms)),
  cpuMs: median(all.map(({ cpuMs }) => cpuMs)),
});

/** A default model as the registry would know it after its first load. */
async function prepare(name: string, work: string, engine: LocalEngine) {
  const modelsFolder = join(projectRoot, 'models');
  const entry = FolderEntry.parse(JSON.parse(await readFile(join(modelsFolder, 'metadata', `${name}.json`), 'utf8')));
  const file = await gatherBytes(name, entry.source, {
    modelsFolder,
    packageJson: join(projectRoot, 'package.json'),
    workFolder: join(work, 'gathered'),
    hub: undefined,
  });
  const directory = join(work, name, 'files');
  await mkdir(directory, { recursive: true });
  const unpacked = await unpackModel({ file, directory, framework: entry.framework });
  const local = { digest: randomUUID().replaceAll('-', '').repeat(2), directory, entry: unpacked.entry };
  const predictor = new Predictor({
    engine,
    packageOf: async () => local,
    isGone: async () => false,
    timeoutMs: 30_000,
    elapsed: () => performance.now(),
  });
  const row = { id: `${name}:v1`, digest: local.digest, framework: entry.framework, stage: 'production' };
  const base = { ...row, metadata: entry.metadata, inputSchema: { inputs: [] } } as unknown as Model;
  const { inputs, text } = await engine.load(await predictor.engineModel(base));
  return { predictor, model: { ...base, inputSchema: { inputs }, ...(text && { info: text }) } };
}

if (values.help) console.log(usage);
else await main();
