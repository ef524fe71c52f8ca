import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import { adminPassword, client, type TestServer } from './boot-server.ts';
import { descendants, inodeOf, openFiles, scriptOf, tcpSockets } from './processes.ts';

/** What a case may leave behind, because it is about that. All else must be as before. */
export interface MayLeave {
  /** Predictions that were recorded, failed ones too. */
  readonly events?: boolean;
  /** Versions that were registered or deleted, with their files. */
  readonly models?: boolean;
  /** What is remembered of models that crashed their runner. */
  readonly quarantine?: boolean;
}

/** A node as it stands: what it stores, what it holds open, what it runs. */
export interface NodeState {
  /** A digest of each row by its id. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Sizes by path below the data folder, Harper's database and logs left out. */
  readonly files: Readonly<Record<string, number>>;
  /** Ports on which the node listens. */
  readonly listening: readonly number[];
  /** Connections of the node to somebody other than this test. */
  readonly connections: number;
  /** Scripts of its child processes. */
  readonly processes: readonly string[];
  /** Runners that stand in for one that is busy; they end after a minute without work. */
  readonly spares: number;
  /** How many of each kind each of its processes holds open. */
  readonly open: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const settleMs = 15_000;
const tables = ['Model', 'InferenceEvent', 'RetiredVersion', 'Job'];

/** Checks around every test of the file that it left the node as it was; `mayLeave` says by a test's name what may stay. */
export function leavesTheNodeAsItWas(server: () => TestServer, mayLeave: (testName: string) => MayLeave): void {
  let before: NodeState;
  beforeEach(async () => {
    before = await nodeState(server());
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') return;
    await expectSameState(server(), before, mayLeave(task.name));
  });
}

/** Waits until the node is as it was, and says what is not. */
export async function expectSameState(server: TestServer, before: NodeState, allowed: MayLeave = {}): Promise<void> {
  const end = performance.now() + settleMs;
  for (;;) {
    const differences = differencesOf(before, await nodeState(server), allowed);
    if (differences.length === 0) return;
    if (performance.now() > end) expect(differences).toEqual([]);
    await pause(200);
  }
}

export async function nodeState(server: TestServer): Promise<NodeState> {
  const everyone = [server.child.pid ?? 0, ...descendants(server.child.pid ?? 0)];
  const links = new Map(everyone.map((pid) => [pid, openFiles(pid)]));
  const isSpare = (pid: number) => (links.get(pid) ?? []).some((link) => /-spare-[0-9a-f]+\.marker$/.test(link));
  const pids = everyone.filter((pid) => !isSpare(pid));
  const own = new Set([...links.values()].flat().map(inodeOf));
  const mine = new Set(openFiles(process.pid).map(inodeOf));
  const sockets = tcpSockets();
  const testPorts = new Set(sockets.filter(({ inode }) => mine.has(inode)).map(({ localPort }) => localPort));
  const ours = sockets.filter(({ inode }) => own.has(inode));
  const open = Object.fromEntries(
    pids.map((pid, index) => [
      `${scriptOf(pid)} ${index}`,
      openOf(links.get(pid) ?? [], new Set(sockets.map(({ inode }) => inode))),
    ]),
  );
  return {
    tables: Object.fromEntries(await Promise.all(tables.map(async (name) => [name, await rowsOf(server, name)]))),
    files: await filesOf(join(server.root, 'data')),
    listening: [...new Set(ours.filter(({ state }) => state === 'listening').map(({ localPort }) => localPort))].sort(),
    connections: ours.filter(({ state, remotePort }) => state !== 'listening' && !testPorts.has(remotePort)).length,
    processes: pids.map(scriptOf).sort(),
    spares: everyone.length - pids.length,
    open,
  };
}

/** TCP is counted above; what a database or a log has open is Harper's. */
function openOf(links: readonly string[], tcp: ReadonlySet<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const link of links) {
    const inode = inodeOf(link);
    if (inode !== undefined && tcp.has(inode)) continue;
    const kind =
      inode !== undefined
        ? 'socket'
        : link.startsWith('/')
          ? link.replace(/[0-9a-f-]{10,}/g, '#')
          : link.replace(/\[?\d+\]?$/, '');
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

async function rowsOf({ url, operationsUrl }: TestServer, table: string): Promise<Record<string, string>> {
  const reply = await fetch(operationsUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: client(url, 'admin', adminPassword).authorization ?? '',
    },
    body: JSON.stringify({
      operation: 'search_by_value',
      database: 'data',
      table,
      get_attributes: ['*'],
      search_attribute: 'id',
      search_value: '*',
    }),
  });
  const rows = (await reply.json()) as { id: string }[];
  if (!Array.isArray(rows)) throw new Error(`${table}: ${JSON.stringify(rows).slice(0, 300)}`);
  const digest = (row: object) => createHash('sha256').update(JSON.stringify(row)).digest('base64url').slice(0, 12);
  return Object.fromEntries(rows.map((row) => [row.id, digest(row)]));
}

async function filesOf(root: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const part of ['models', 'quarantine', 'home', join('harper', 'blobs')]) {
    const names = await readdir(join(root, part), { recursive: true }).catch(() => []);
    for (const name of names) {
      const path = join(part, name);
      const entry = await stat(join(root, path)).catch(() => undefined);
      if (entry?.isFile()) found[path] = entry.size;
      // An empty folder that stays is a leftover too, where folders are made for an upload.
      else if (entry && /^models\/(incoming|making)\//.test(path)) found[`${path}/`] = 0;
    }
  }
  return found;
}

/** What changed, in words; nothing of what may be left behind. */
export function differencesOf(before: NodeState, after: NodeState, { events, models, quarantine }: MayLeave): string[] {
  const found: string[] = [];
  const mayGrow: Readonly<Record<string, boolean>> = {
    InferenceEvent: events === true,
    Model: models === true,
    RetiredVersion: models === true,
  };
  for (const table of tables) {
    const [was, is] = [before.tables[table] ?? {}, after.tables[table] ?? {}];
    for (const [id, digest] of Object.entries(was))
      if (is[id] !== digest && !(models && table === 'Model'))
        found.push(`${table} ${id} ${is[id] === undefined ? 'is gone' : 'has changed'}`);
    if (!mayGrow[table]) found.push(...news(was, is).map((id) => `${table} ${id} is new`));
  }
  for (const path of new Set([...Object.keys(before.files), ...Object.keys(after.files)])) {
    const isModel = /^(models\/packages|harper\/blobs)\//.test(path);
    if ((models && isModel) || (quarantine && path.startsWith('quarantine/'))) continue;
    if (before.files[path] !== after.files[path])
      found.push(`file ${path}: ${before.files[path] ?? 'none'} before, ${after.files[path] ?? 'none'} after`);
  }
  if (String(before.listening) !== String(after.listening))
    found.push(`listens on ${after.listening}, before on ${before.listening}`);
  if (after.connections > before.connections)
    found.push(`${after.connections} connections, before ${before.connections}`);
  if (String(before.processes) !== String(after.processes))
    found.push(`runs ${after.processes}, before ${before.processes}`);
  for (const [name, kinds] of Object.entries(after.open))
    for (const [kind, count] of Object.entries(kinds)) {
      const had = (before.open[name]?.[kind] ?? 0) + (kind === 'socket' ? socketsOfSpare * after.spares : 0);
      if (count > had && !isHarpers(kind)) found.push(`${name} holds ${count} ${kind}, before ${had}`);
    }
  return found;
}

/** Its leash, its standard error, and the connection of each HTTP thread. */
const socketsOfSpare = 4;

const news = (was: object, is: object): string[] => Object.keys(is).filter((id) => !(id in was));

/** Harper opens its databases when they are first used, and keeps them. */
const isHarpers = (kind: string): boolean => /\/harper\/(database|log)\/|^\/dev\/|\.node$/.test(kind);
