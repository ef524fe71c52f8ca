import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../src/config.ts';

const fileOf = (config: Config) => join(config.AI_OPS_ROOT, 'admin-password');

/** The password in use or, before the first start, a new one, kept where only the owner reads it. */
export async function developmentPassword(config: Config): Promise<string> {
  const known = await knownPassword(config);
  if (known !== undefined) return known;
  const password = randomBytes(12).toString('base64url');
  await mkdir(config.AI_OPS_ROOT, { recursive: true });
  await writeFile(fileOf(config), password, { mode: 0o600 });
  return password;
}

/** The password in use, when the settings or an earlier development start tell it. */
export async function knownPassword(config: Config): Promise<string | undefined> {
  const kept = await readFile(fileOf(config), 'utf8').catch(() => undefined);
  return kept ?? config.HDB_ADMIN_PASSWORD;
}
