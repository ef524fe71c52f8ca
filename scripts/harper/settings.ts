import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, readConfig } from '../../src/config.ts';
import { AppError } from '../../src/errors.ts';
import { projectRoot } from './project-root.ts';

/** Reads `.env` beside package.json, when there is one, and then the settings; ends the process when they are wrong. */
export function settings(): Config {
  const file = join(projectRoot, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
