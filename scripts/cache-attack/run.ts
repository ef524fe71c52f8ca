import { setTimeout as pause } from 'node:timers/promises';
import { randomNumbers } from '../durability/model-bytes.ts';
import { startServer } from '../durability/server.ts';
import { anyRow, predictModel, predictVersion, register, registerOther, reload, remove, type Tally } from './blows.ts';
import { type Answer, type Ask, clientOf } from './client.ts';
import { type ModelLedger, newLedger } from './ledger.ts';

export interface AttackOptions {
  /** An empty folder; the caller removes it. */
  readonly root: string;
  readonly models: number;
  /** Models that the cache of a runner holds. */
  readonly cache: number;
  readonly clients: number;
  readonly seconds: number;
  readonly seed: number;
  /** Threads that answer HTTP. */
  readonly threads: number;
  readonly onProgress?: (words: string) => void;
}

export interface Runner {
  readonly id: string;
  readonly restarts: number;
  readonly memoryBytes: number;
}

export interface AttackReport {
  readonly seed: number;
  /** Answers by kind of question and what came. */
  readonly answers: Readonly<Record<string, number>>;
  /** All models asked once and at once: what came, and how long until the last answer. */
  readonly storm: { readonly answers: Readonly<Record<string, number>>; readonly seconds: number };
  /** The longest that an answer was behind a change that had been answered. */
  readonly latestMs: number;
  readonly runners: {
    readonly before: readonly Runner[];
    readonly peakBytes: Readonly<Record<string, number>>;
    readonly after: readonly Runner[];
  };
  /** What the caches hold when all is quiet, and what they may hold. */
  readonly held: {
    readonly models: number;
    readonly bytes: number;
    readonly inFlight: number;
    readonly queued: number;
  };
  readonly budgetBytes: number;
  readonly findings: readonly Finding[];
}

export interface Finding {
  readonly wrong: string;
  readonly example: string;
  times: number;
}

/** Each runner is stopped by its watchdog beyond this. */
const budgetBytes = 512 * 2 ** 20;
/** Models that get most of the questions: twice what a cache holds, so that they push each other out in use. */
const hotPerPlace = 2;

/** Predicts, reloads, deletes and registers at random over many more models than the cache holds. */
export async function attackCache(options: AttackOptions): Promise<AttackReport> {
  const { root, models, cache, clients, seconds, seed, threads, onProgress = () => {} } = options;
  const server = await startServer(root, threads, {
    MODEL_CACHE_SIZE: String(cache),
    MODEL_MEMORY_BUDGET: String(budgetBytes),
  });
  const { ask, close } = clientOf(server, Math.max(clients, models));
  try {
    const book = newBook();
    const ledger = newLedger(models);
    await registerAll(ask, ledger, clients, book.tally);
    const before = (await statusOf(ask)).runners;
    onProgress(`${models} models registered`);
    const storm = await stormOf(ask, ledger, random(seed, 0), book);
    onProgress(`asked all at once: ${JSON.stringify(storm.answers)}`);
    const peakBytes: Record<string, number> = {};
    const watch = watchRunners(ask, peakBytes);
    const until = performance.now() + seconds * 1000;
    const work = Array.from({ length: clients }, async (_, client) => {
      const dice = random(seed, client + 1);
      while (performance.now() < until) await blow(ask, ledger, cache, dice, book.tally);
    });
    await Promise.all(work);
    await watch.stop();
    onProgress('all clients have stopped');
    const { runners: after, held, findings } = await settled(ask, before, cache);
    for (const [wrong, example] of findings) book.tally.note(wrong, example);
    return {
      seed,
      answers: book.answers,
      storm,
      latestMs: Math.round(book.latestMs()),
      runners: { before, peakBytes, after },
      held,
      budgetBytes,
      findings: book.findings(),
    };
  } finally {
    close();
    await server.kill();
  }
}

const random = (seed: number, client: number) => randomNumbers(Math.imul(seed, 7919) + client);

async function blow(ask: Ask, ledger: readonly ModelLedger[], cache: number, dice: () => number, tally: Tally) {
  const hot = Math.min(ledger.length, cache * hotPerPlace);
  const number = Math.floor(dice() * (dice() < 0.7 ? hot : ledger.length));
  const model = ledger[number] as ModelLedger;
  const version = model.versions[Math.floor(dice() ** 2 * model.versions.length)] as ModelLedger['versions'][number];
  const { inProduction } = model;
  const kind = dice();
  if (kind < 0.55) return predictVersion(ask, version, anyRow(dice), tally);
  if (kind < 0.75) return predictModel(ask, model, anyRow(dice), tally);
  if (kind < 0.82) return reload(ask, version, tally);
  if (kind < 0.89) return remove(ask, version, inProduction, tally);
  if (kind < 0.98) return register(ask, version, inProduction, tally);
  return registerOther(ask, version, tally);
}

async function registerAll(ask: Ask, ledger: readonly ModelLedger[], clients: number, tally: Tally): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let model = ledger[next++]; model; model = ledger[next++]) {
      const [first] = model.versions;
      if (first) await register(ask, first, model.inProduction, tally);
    }
  };
  await Promise.all(Array.from({ length: clients }, worker));
  const missing = ledger.filter(({ versions }) => versions[0]?.look().presence !== 'there');
  if (missing.length > 0) throw new Error(`${missing.length} models could not be registered at the beginning`);
}

async function stormOf(ask: Ask, ledger: readonly ModelLedger[], dice: () => number, { tally, answers }: Book) {
  const begin = performance.now();
  const before = { ...answers };
  await Promise.all(ledger.map(({ versions: [first] }) => first && predictVersion(ask, first, anyRow(dice), tally)));
  const came = Object.entries(answers).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
  return {
    answers: Object.fromEntries(came.filter(([, count]) => count > 0)),
    seconds: (performance.now() - begin) / 1000,
  };
}

interface Status {
  readonly runners: readonly Runner[];
  readonly models: readonly { readonly memoryBytes: number; readonly state: string }[];
  readonly queues: { readonly inFlight: number; readonly queued: number };
}

async function statusOf(ask: Ask): Promise<Status> {
  const { status, body } = await ask('GET', '/status');
  if (status !== 200) throw new Error(`GET /status was answered ${status}`);
  return body as unknown as Status;
}

function watchRunners(ask: Ask, peakBytes: Record<string, number>) {
  let stopped = false;
  const work = (async () => {
    while (!stopped) {
      for (const { id, memoryBytes } of (await statusOf(ask)).runners)
        peakBytes[id] = Math.max(peakBytes[id] ?? 0, memoryBytes);
      await pause(1_000);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await work;
    },
  };
}

/** What is left when nobody asks any more. */
async function settled(ask: Ask, before: readonly Runner[], cache: number) {
  // A spare runner ends after a minute without work; the two others must be as they were.
  const main = (runners: readonly Runner[]) => runners.filter(({ id }) => !id.endsWith('spare'));
  await pause(3_000);
  const { runners, models, queues } = await statusOf(ask);
  const ready = models.filter(({ state }) => state === 'ready');
  const held = {
    models: ready.length,
    bytes: ready.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    inFlight: queues.inFlight,
    queued: queues.queued,
  };
  const findings: [string, string][] = [];
  for (const { id, restarts } of main(runners)) {
    const earlier = before.find((one) => one.id === id);
    if (restarts !== earlier?.restarts) findings.push([`runner ${id} was restarted`, String(restarts)]);
  }
  for (const { id, memoryBytes } of runners)
    if (memoryBytes > budgetBytes) findings.push([`runner ${id} holds more than its budget`, String(memoryBytes)]);
  if (models.some(({ state }) => state === 'quarantined')) findings.push(['a model is in quarantine', '']);
  if (held.models > cache * runners.length) findings.push(['the caches hold too many models', String(held.models)]);
  if (held.inFlight + held.queued > 0) findings.push(['places were never given back', JSON.stringify(held)]);
  return { runners, held, findings };
}

type Book = ReturnType<typeof newBook>;

function newBook() {
  const answers: Record<string, number> = {};
  const findings = new Map<string, Finding>();
  let latestMs = 0;
  const tally: Tally = {
    note(wrong, example) {
      const known = findings.get(wrong);
      if (known) known.times += 1;
      else findings.set(wrong, { wrong, example, times: 1 });
    },
    count(kind, { status, code }: Answer) {
      const key = [kind, status, code].filter(Boolean).join(' ');
      answers[key] = (answers[key] ?? 0) + 1;
    },
    late(ms) {
      latestMs = Math.max(latestMs, ms);
    },
  };
  return { tally, answers, latestMs: () => latestMs, findings: () => [...findings.values()] };
}
