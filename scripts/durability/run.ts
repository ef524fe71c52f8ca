import { setTimeout as pause } from 'node:timers/promises';
import { type History, isAcknowledged, newHistory } from './history.ts';
import { prepare, startLoad } from './load.ts';
import { randomNumbers } from './model-bytes.ts';
import { isRunner, processesOf, startServer, waitUntilGone } from './server.ts';
import { type Loss, leftovers, orphanPackages, unknownModels, verify } from './verify.ts';

const [shortestLoadMs, longestLoadMs] = [300, 1800] as const;

export interface Round {
  readonly round: number;
  readonly loadMs: number;
  /** Until the last process of the killed server was gone. */
  readonly lingeredMs: number;
  readonly restartMs: number;
  readonly acknowledged: Counts;
  readonly unacknowledged: Counts;
  readonly losses: readonly Loss[];
}

interface Counts {
  readonly predictions: number;
  readonly feedback: number;
  readonly uploads: number;
  readonly uploadedBytes: number;
}

export interface DurabilityReport {
  readonly rounds: readonly Round[];
  readonly acknowledged: Counts;
  readonly unacknowledged: Counts;
  /** Of all rounds, and of the check of everything at the end. */
  readonly losses: readonly Loss[];
  /** Packages on disk without a model row, at the end. */
  readonly orphanPackages: number;
  /** Answers that were whole and no success. */
  readonly refusals: Readonly<Record<string, number>>;
}

export interface DurabilityOptions {
  /** An empty folder; the caller removes it. */
  readonly root: string;
  readonly rounds: number;
  readonly seed: number;
  /** Threads of the server that answer HTTP; its own choice unless given. */
  readonly threads?: number;
  readonly onRound?: (round: Round) => void;
}

/**
 * Kills a server in the middle of its work, again and again, and looks after each restart for what it had
 * acknowledged in that round; at the end, for everything.
 */
export async function checkDurability({
  root,
  rounds,
  seed,
  threads,
  onRound,
}: DurabilityOptions): Promise<DurabilityReport> {
  const random = randomNumbers(seed);
  const done: Round[] = [];
  const histories: History[] = [];
  let server = await startServer(root, threads);
  try {
    await prepare(server);
    for (let number = 1; number <= rounds; number++) {
      const history = newHistory();
      histories.push(history);
      const loadMs = Math.round(shortestLoadMs + random() * (longestLoadMs - shortestLoadMs));
      const load = startLoad(server, history, `r${number}`, seed + number);
      const processes = await processesOf(root);
      if (!processes.some(isRunner))
        throw new Error('Expected runners before the kill; found none, so none could be missed.');
      await Promise.race([pause(loadMs), load.ended]);
      const killed = server.kill();
      load.stop();
      await killed;
      const { ms: lingeredMs, left } = await waitUntilGone(root, processes);
      await load.ended;
      server = await startServer(root, threads);
      const losses = [
        ...left.map(({ pid, command }) => ({ operation: 'kill', id: String(pid), problem: `still runs: ${command}` })),
        ...(await leftovers(root)),
        ...(await verify(server, history)),
        ...(await unknownModels(server, histories)),
      ];
      const counts = { acknowledged: countsOf(history, true), unacknowledged: countsOf(history, false) };
      const round = { round: number, loadMs, lingeredMs, restartMs: server.startMs, ...counts, losses };
      done.push(round);
      onRound?.(round);
    }
    const all: History = {
      predictions: histories.flatMap(({ predictions }) => predictions),
      feedback: histories.flatMap(({ feedback }) => feedback),
      uploads: histories.flatMap(({ uploads }) => uploads),
      refusals: {},
    };
    const losses = [...done.flatMap((round) => round.losses), ...(await verify(server, all))];
    const refusals: Record<string, number> = {};
    for (const [key, count] of histories.flatMap((history) => Object.entries(history.refusals))) {
      refusals[key] = (refusals[key] ?? 0) + count;
    }
    return {
      rounds: done,
      acknowledged: countsOf(all, true),
      unacknowledged: countsOf(all, false),
      losses,
      orphanPackages: (await orphanPackages(server, root)).length,
      refusals,
    };
  } finally {
    const processes = await processesOf(root);
    await server.kill();
    await waitUntilGone(root, processes);
  }
}

function countsOf({ predictions, feedback, uploads }: History, acknowledged: boolean): Counts {
  const kept = uploads.filter((attempt) => isAcknowledged(attempt) === acknowledged);
  const count = (attempts: readonly { acknowledgedAt?: number }[]) =>
    attempts.filter((attempt) => isAcknowledged(attempt) === acknowledged).length;
  return {
    predictions: count(predictions),
    feedback: count(feedback),
    uploads: kept.length,
    uploadedBytes: kept.reduce((sum, { size }) => sum + size, 0),
  };
}
