import { readFile } from 'node:fs/promises';
import { processesOf } from '../durability/server.ts';

/** Anonymous memory in bytes by what the process is. */
export type Memory = Readonly<Record<string, number>>;

/** RssAnon of every process of a server: what it has taken and not given back, without files and shared pages. */
export async function memoryOf(root: string): Promise<Memory> {
  const found = await processesOf(root);
  const entries = await Promise.all(
    found.map(async ({ pid, command }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      const kilobytes = Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
      return [nameOf(command), kilobytes * 1024] as const;
    }),
  );
  const sum: Record<string, number> = {};
  for (const [name, bytes] of entries) sum[name] = (sum[name] ?? 0) + bytes;
  return sum;
}

/** `server` is Harper with all its threads; each runner by whom it serves. */
function nameOf(command: string): string {
  if (!command.includes('runner')) return command.includes('start.js') ? 'launcher' : 'server';
  const generation = /[/\\]([pc](?:-spare)?)-[0-9a-f]{10}/.exec(command)?.[1] ?? '';
  return `runner ${generation.replace(/^p/, 'production').replace(/^c/, 'candidates')}`;
}
