import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  /** Of all its threads, and of its children that have ended. */
  readonly ticks: number;
}

/**
 * Processor time that a process and everything it started have used so far, threads included.
 *
 * @returns milliseconds, in steps of one clock tick (10 ms on Linux).
 * @throws  Error where there is no /proc
 */
export function cpuMilliseconds(root: number): number {
  const processes = allProcesses();
  const tree = new Set(treeOf(root, processes));
  const ticks = processes.reduce((sum, { pid, ticks }) => (tree.has(pid) ? sum + ticks : sum), 0);
  return (ticks * 1000) / ticksPerSecond();
}

/** The processes that a process has started, in turn. */
export const descendantsOf = (root: number): number[] => treeOf(root, allProcesses()).slice(1);

/** Processor time that the whole machine has spent at work so far, in milliseconds. */
export function machineMilliseconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = line.split(/\s+/).slice(1).map(Number);
  return ((user + nice + system + irq + softIrq) * 1000) / ticksPerSecond();
}

/** The environment that a process was started with. */
export function environmentOf(pid: number): Record<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

export const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');

function treeOf(root: number, processes: readonly ProcessTimes[]): number[] {
  const tree = [root];
  // The list grows while it is walked.
  for (const parent of tree) tree.push(...processes.filter((one) => one.parent === parent).map(({ pid }) => pid));
  return tree;
}

function allProcesses(): ProcessTimes[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => timesOf(Number(name)) ?? []);
}

function timesOf(pid: number): ProcessTimes | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended since the folder was listed.
    return undefined;
  }
  // The name before the last bracket may hold spaces and brackets itself. See proc_pid_stat(5).
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
  return { pid, parent: fields[1] ?? 0, ticks: user + system + childrenUser + childrenSystem };
}

let known: number | undefined;

function ticksPerSecond(): number {
  known ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return known;
}
