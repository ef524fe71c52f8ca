import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig, Settings } from '../src/config.ts';
import { refusal } from './support/codes.ts';

describe('settings', () => {
  it('have defaults', () => {
    const { HTTP_THREADS, MODEL_MEMORY_BUDGET, ...others } = readConfig({});
    expect(others).toEqual({
      HTTP_PORT: 9926,
      OPERATIONS_PORT: 9925,
      AI_OPS_ROOT: resolve('.harper'),
      HDB_ADMIN_USERNAME: 'admin',
      ALLOW_REMOTE_MODELS: false,
      HF_ENDPOINT: 'https://huggingface.co',
      EGRESS_ALLOW: [],
      OLLAMA_HOST: new URL('http://127.0.0.1:11434/'),
      OLLAMA_DEFAULT_MODEL: 'llama3.2:1b',
      CORS_ORIGINS: [],
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'text',
      PERSONALIZE_MODEL: 'all-minilm-l6-v2',
      MODEL_CACHE_SIZE: 10,
      MAX_MODEL_BYTES: 2_147_483_648,
      INFERENCE_TIMEOUT_MS: 30_000,
      INFERENCE_QUEUE_LIMIT: 256,
      REQUIRE_PRODUCTION: false,
    });
    expect(HTTP_THREADS).toBeGreaterThanOrEqual(1);
    expect(MODEL_MEMORY_BUDGET).toBeGreaterThanOrEqual(2 ** 30);
  });

  it('that are empty count as unset, and foreign variables do not matter', () => {
    expect(readConfig({ HTTP_PORT: '', HDB_ADMIN_PASSWORD: '', PATH: '/bin', HTTP_PROT: 'x' })).toEqual(readConfig({}));
  });

  it.each([
    ['HTTP_PORT', '0', 0],
    ['HTTP_PORT', '65535', 65_535],
    ['ALLOW_REMOTE_MODELS', 'true', true],
    ['REQUIRE_PRODUCTION', 'false', false],
    ['CORS_ORIGINS', 'https://a.example, https://b.example,', ['https://a.example', 'https://b.example']],
    [
      'EGRESS_ALLOW',
      'Hub.example, [::1]:8080, 127.0.0.1:80',
      [{ hostname: 'hub.example' }, { hostname: '[::1]', port: 8080 }, { hostname: '127.0.0.1', port: 80 }],
    ],
    ['AI_OPS_ROOT', 'data/x', join(process.cwd(), 'data/x')],
    ['LOG_LEVEL', 'debug', 'debug'],
    ['OLLAMA_HOST', 'gpu-box:8080', new URL('http://gpu-box:8080/')],
  ])('%s=%s is %j', (name, text, value) => expect(readConfig({ [name]: text })).toMatchObject({ [name]: value }));

  it.each([
    ['HTTP_PORT', 'secret'],
    ['HTTP_PORT', '65536'],
    ['HTTP_PORT', '-1'],
    ['HTTP_PORT', '80.5'],
    ['HTTP_PORT', ' '],
    ['HTTP_PORT', '0x50'],
    ['HTTP_THREADS', '0'],
    ['EGRESS_ALLOW', 'http://hub.example'],
    ['EGRESS_ALLOW', 'hub.example:0'],
    ['MAX_MODEL_BYTES', '2GB'],
    ['MODEL_CACHE_SIZE', 'Infinity'],
    ['INFERENCE_TIMEOUT_MS', 'NaN'],
    ['ALLOW_REMOTE_MODELS', 'yes'],
    ['REQUIRE_PRODUCTION', '1'],
    ['LOG_LEVEL', 'loud'],
    ['OLLAMA_HOST', 'ftp://gpu-box'],
    ['OLLAMA_HOST', 'http://user:secret@gpu-box'],
  ])('%s=%s is refused by name', async (name, text) => {
    const error = await refusal(() => readConfig({ [name]: text }));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations.map(({ path }) => path)).toEqual([name]);
    expect(error.message).toContain(name);
  });

  it('that are wrong are all named, and no value is shown', async () => {
    const wrong = {
      HTTP_PORT: 'hunter2',
      LOG_LEVEL: 'hunter2',
      ALLOW_REMOTE_MODELS: 'hunter2',
      MODEL_CACHE_SIZE: 'hunter2',
    };
    const error = await refusal(() => readConfig({ ...wrong, HDB_ADMIN_PASSWORD: 'hunter2' }));
    expect(error.violations.map(({ path }) => path).toSorted()).toEqual(Object.keys(wrong).toSorted());
    expect(`${error.message}${JSON.stringify(error.violations)}`).not.toContain('hunter2');
  });
});

describe('.env.example', () => {
  const example = readFileSync(join(import.meta.dirname, '..', '.env.example'), 'utf8');
  const shown = [...example.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );

  it('names every setting once, and no other', () => {
    expect(shown.map(([name]) => name).toSorted()).toEqual(Object.keys(Settings.shape).toSorted());
  });

  it('shows the defaults', () => expect(readConfig(Object.fromEntries(shown))).toEqual(readConfig({})));
});
