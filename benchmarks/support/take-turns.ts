import { cpus } from 'node:os';
import { cpuMilliseconds, machineMilliseconds } from './process-tree.ts';

/** What one round of requests gave. */
export interface Round {
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientCpuMs: number;
}

export interface Contestant {
  readonly name: string;
  /** The process whose tree does the work. */
  readonly pid: number;
  run(requests: number): Promise<Round>;
}

/** One contestant's rounds; every list is in the order in which they were run. */
export interface Series {
  readonly name: string;
  readonly perSecond: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  /** Processor time of the contestant's process tree for each request. */
  readonly cpuMs: number[];
  /** The same of the process that makes the requests. */
  readonly clientCpuMs: number[];
  /** Share of the machine's processors that neither the script nor a contestant used: what disturbed the round. */
  readonly others: number[];
}

export interface TurnOptions {
  readonly rounds: number;
  /** Of each contestant in each round. */
  readonly requests: number;
  readonly say: (line: string) => void;
}

/** Runs contestants in turn, A B A B, after one round each that warms up and does not count. */
export async function takeTurns(
  contestants: readonly Contestant[],
  { rounds, requests, say }: TurnOptions,
): Promise<Series[]> {
  for (const contestant of contestants) await contestant.run(requests);
  const all = contestants.map(({ name }) => emptySeries(name));
  for (let round = 1; round <= rounds; round++) {
    const words: string[] = [];
    for (const [index, contestant] of contestants.entries()) {
      const { perSecond, p50Ms } = await takeTurn(contestant, requests, all[index] as Series);
      words.push(`${contestant.name} ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms`);
    }
    say(`  round ${round}: ${words.join('   ')}`);
  }
  return all;
}

async function takeTurn(contestant: Contestant, requests: number, series: Series): Promise<Round> {
  const before = {
    own: cpuMilliseconds(contestant.pid),
    ours: cpuMilliseconds(process.pid),
    all: machineMilliseconds(),
  };
  const startedAt = performance.now();
  const round = await contestant.run(requests);
  const used = cpuMilliseconds(contestant.pid) - before.own;
  const ours = cpuMilliseconds(process.pid) - before.ours;
  const foreign = machineMilliseconds() - before.all - ours;
  const elapsedMs = performance.now() - startedAt;
  series.perSecond.push(round.perSecond);
  series.p50Ms.push(round.p50Ms);
  series.p99Ms.push(round.p99Ms);
  series.cpuMs.push(used / requests);
  series.clientCpuMs.push(round.clientCpuMs / requests);
  series.others.push(Math.max(0, foreign) / (elapsedMs * cpus().length));
  return round;
}

const emptySeries = (name: string): Series => ({
  name,
  perSecond: [],
  p50Ms: [],
  p99Ms: [],
  cpuMs: [],
  clientCpuMs: [],
  others: [],
});
