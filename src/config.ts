import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { AppError } from './errors.ts';
import { type HostPort, parseHostPort } from './lib/host-port.ts';
import { hostUrl } from './lib/host-url.ts';

// Number() would read a blank as 0 and 0x50 as 80.
const whole = z
  .string()
  .trim()
  .regex(/^\d{1,15}$/, 'expected a whole number')
  .transform(Number);
const port = whole.pipe(z.number().max(65_535));
const positive = whole.pipe(z.number().positive());
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);
const hosts = list.transform((items, context) =>
  items.flatMap((item): HostPort[] => {
    const host = parseHostPort(item);
    if (!host)
      context.addIssue({ code: 'custom', message: 'expected hosts as host or host:port, separated by commas' });
    return host ? [host] : [];
  }),
);
const folder = z
  .string()
  .min(1)
  .transform((path) => resolve(path));
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const ollamaPort = 11_434;
const ollamaHost = z.string().transform((text, context) => {
  const url = hostUrl(text, ollamaPort);
  if (url) return url;
  context.addIssue({ code: 'custom', message: 'expected host, host:port or http(s)://host:port, without a login' });
  return z.NEVER;
});
const gibibyte = 2 ** 30;

/** Every setting, read from the environment. `.env.example` describes each; a test compares the two. */
export const Settings = z.object({
  HTTP_PORT: port.default(9926),
  OPERATIONS_PORT: port.default(9925),
  AI_OPS_ROOT: folder.default(resolve('.harper')),
  HDB_ADMIN_USERNAME: z.string().min(1).default('admin'),
  HDB_ADMIN_PASSWORD: z.string().min(1).optional(),
  HTTP_THREADS: positive.default(Math.max(1, Math.floor(availableParallelism() / 2))),
  MODELS_DIR: folder.optional(),
  ALLOW_REMOTE_MODELS: flag.default(false),
  HF_ENDPOINT: z.url({ protocol: /^https?$/ }).default('https://huggingface.co'),
  EGRESS_ALLOW: hosts.default([]),
  OLLAMA_HOST: ollamaHost.prefault('http://127.0.0.1:11434'),
  OLLAMA_DEFAULT_MODEL: z.string().trim().min(1).max(256).default('llama3.2:1b'),
  CORS_ORIGINS: list.default([]),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('warn'),
  LOG_FORMAT: z.enum(['text', 'json']).default('text'),
  RATE_LIMIT: positive.optional(),
  PERSONALIZE_MODEL: z.string().min(1).default('all-minilm-l6-v2'),
  MODEL_CACHE_SIZE: positive.default(10),
  MODEL_MEMORY_BUDGET: positive.default(Math.max(gibibyte, Math.floor(totalmem() / 4))),
  MAX_MODEL_BYTES: positive.default(2 * gibibyte),
  INFERENCE_TIMEOUT_MS: positive.default(30_000),
  INFERENCE_QUEUE_LIMIT: positive.default(256),
  REQUIRE_PRODUCTION: flag.default(false),
});

export type Config = Readonly<z.output<typeof Settings>>;

/**
 * Reads and checks the settings; an empty variable counts as unset.
 *
 * @throws AppError INVALID_INPUT naming each wrong variable, never its value.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = Settings.safeParse(given);
  if (result.success) return result.data;
  const violations = result.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  const words = violations.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new AppError('INVALID_INPUT', `Settings are wrong: ${words}. See .env.example for what each takes.`, {
    violations,
  });
}
