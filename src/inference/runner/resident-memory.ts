import { readFileSync } from 'node:fs';

/**
 * Bytes of anonymous memory a process holds (RssAnon: its own, without mapped files).
 *
 * @returns 0 when the process is gone or the system has no `/proc`.
 */
export function anonymousMemoryOf(pid: number | 'self'): number {
  try {
    const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
