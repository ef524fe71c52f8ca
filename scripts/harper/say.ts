import type { Config } from '../../src/config.ts';
import { jsonLine } from '../../src/lib/structured-log.ts';

/** Tells whoever started the server something, in the form that the log has. */
export function say({ LOG_FORMAT }: Pick<Config, 'LOG_FORMAT'>, message: string): void {
  const time = new Date().toISOString();
  console.log(LOG_FORMAT === 'json' ? jsonLine({ time, level: 'info', source: 'start', message }) : message);
}
