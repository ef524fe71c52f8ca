import { setTimeout as pause } from 'node:timers/promises';
import { clientOf } from '../cache-attack/client.ts';
import { startServer } from '../durability/server.ts';
import { prepare } from '../fuzz/prepare.ts';
import { type Memory, memoryOf } from './processes.ts';
import { passing, questionsOf } from './questions.ts';

export interface MemoryOptions {
  /** An empty folder; the caller removes it. */
  readonly root: string;
  readonly predictions: number;
  /** Loads that each push a model out of the cache. */
  readonly cycles: number;
  /** Predictions before the first sample; cycles in proportion. */
  readonly warmUp: number;
  readonly samples: number;
  readonly connections: number;
  readonly threads: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onSample?: (done: number, memory: Memory) => void;
}

export interface MemoryReport {
  readonly predictions: number;
  readonly cycles: number;
  readonly seconds: number;
  /** By predictions done since the warm-up, the first after none. */
  readonly series: readonly { readonly done: number; readonly memory: Memory }[];
  /** Answers by kind of question. */
  readonly answers: Readonly<Record<string, number>>;
  /** Answers that were not as they should be. */
  readonly wrong: Readonly<Record<string, number>>;
}

const cacheSize = 4;
/** Long enough for sockets, timers and finalisers to be done with; V8 then has had idle time too. */
const quietMs = 4_000;

/** Asks a server for long and looks at what its processes hold whenever all is quiet. */
export async function watchMemory(options: MemoryOptions): Promise<MemoryReport> {
  const { root, predictions, cycles, warmUp, samples, connections, threads, environment, onSample } = options;
  const server = await startServer(root, threads, { MODEL_CACHE_SIZE: String(cacheSize), ...environment });
  const { ask, close } = clientOf(server, connections);
  try {
    const questions = questionsOf(await prepare(server));
    const models = passing(cacheSize * 3);
    for (const { modelName, table } of models) {
      const body = { modelName, modelVersion: 'v1', framework: 'onnx', modelBlob: table.bytes.toString('base64') };
      const { status } = await ask('POST', '/Model', body);
      if (status !== 201) throw new Error(`A model was refused: ${status}`);
    }
    const answers: Record<string, number> = {};
    const wrong: Record<string, number> = {};
    const check = async (kind: string, body: unknown, status: number) => {
      const answer = await ask('POST', '/predict', body);
      answers[kind] = (answers[kind] ?? 0) + 1;
      if (answer.status === status) return;
      const key = `${kind}: ${answer.status} ${answer.code ?? ''}`;
      wrong[key] = (wrong[key] ?? 0) + 1;
    };
    let [asked, cycled] = [0, 0];
    const everyCycle = Math.max(1, Math.round(predictions / cycles));
    /** Asks until so many predictions, and their share of cycles, are done in all. */
    const askUntil = (goal: number) => {
      const worker = async () => {
        while (asked < goal) {
          const number = asked++;
          if (number % everyCycle === 0) {
            const { modelName } = models[cycled++ % models.length] ?? models[0] ?? { modelName: '' };
            await check('a cold model', { modelName, features: { row: [number % 200] } }, 200);
          }
          const { kind, body, status } = questions[number % questions.length] as (typeof questions)[number];
          await check(kind, body, status);
        }
      };
      return Promise.all(Array.from({ length: connections }, worker));
    };
    const series: { done: number; memory: Memory }[] = [];
    const sample = async () => {
      await pause(quietMs);
      const memory = await memoryOf(root);
      series.push({ done: asked - warmUp, memory });
      onSample?.(asked - warmUp, memory);
    };
    await askUntil(warmUp);
    const warmCycles = cycled;
    const begin = performance.now();
    await sample();
    for (let step = 1; step <= samples; step++) {
      await askUntil(warmUp + Math.round((predictions * step) / samples));
      await sample();
    }
    const seconds = (performance.now() - begin) / 1000;
    return { predictions, cycles: cycled - warmCycles, seconds, series, answers, wrong };
  } finally {
    close();
    await server.kill();
  }
}
