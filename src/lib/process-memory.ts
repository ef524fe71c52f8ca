import { readFile } from 'node:fs/promises';

/**
 * Anonymous resident memory of a process in bytes, which does not count mapped database files.
 * Where `/proc` is missing it is the whole resident set of this process.
 */
export async function rssAnonBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(status)?.[1];
  return kilobytes === undefined ? process.memoryUsage.rss() : Number(kilobytes) * 1024;
}
