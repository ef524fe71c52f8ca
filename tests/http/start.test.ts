import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adminPassword, bootServer, freePort, uploadForm } from '../support/boot-server.ts';
import { identityOnnx } from '../support/tiny-onnx.ts';

const script = join(import.meta.dirname, '..', '..', 'dist', 'scripts', 'start.js');

async function tryToStart(environment: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'ai-ops-start-'));
  const { status, stderr } = spawnSync(process.execPath, [script], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      PATH: process.env.PATH,
      AI_OPS_ROOT: join(root, 'data'),
      HTTP_PORT: String(await freePort()),
      OPERATIONS_PORT: String(await freePort()),
      ...environment,
    },
  });
  await rm(root, { recursive: true, force: true });
  return { status, stderr };
}

describe('npm start refuses', () => {
  it('a first start without a password', async () => {
    const { status, stderr } = await tryToStart({});
    expect(status).toBe(1);
    expect(stderr).toContain('HDB_ADMIN_PASSWORD');
  });

  it.each(['true', 'false', '0'])('when local callers would be let in without a login (%s)', async (value) => {
    const { status, stderr } = await tryToStart({ HDB_ADMIN_PASSWORD: 'pw', AUTHENTICATION_AUTHORIZELOCAL: value });
    expect(status).toBe(1);
    expect(stderr).toContain('AUTHENTICATION_AUTHORIZELOCAL');
  });

  it('settings it does not understand, naming each', async () => {
    const { status, stderr } = await tryToStart({
      HDB_ADMIN_PASSWORD: 'pw',
      MODEL_CACHE_SIZE: 'many',
      LOG_LEVEL: 'loud',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('MODEL_CACHE_SIZE');
    expect(stderr).toContain('LOG_LEVEL');
  });

  it('a port that is taken', async () => {
    const server = await bootServer();
    try {
      const { status, stderr } = await tryToStart({ HDB_ADMIN_PASSWORD: 'pw', HTTP_PORT: new URL(server.url).port });
      expect(status).toBe(1);
      expect(stderr).toContain('is taken');
    } finally {
      await server.stop();
    }
  });
});

describe('npm start again', () => {
  it('after a kill -9 goes on, whoever has the old number now', async () => {
    const root = await mkdtemp(join(tmpdir(), 'ai-ops-again-'));
    const first = await bootServer({ root });
    const admin = first.as('admin');
    const upload = uploadForm(
      { modelName: 'kept', modelVersion: 'v1', framework: 'onnx' },
      identityOnnx('float32', ['n']),
    );
    expect((await admin.post('/model/upload', upload)).status).toBe(201);
    await first.kill();
    await mkdir(join(root, 'data', 'harper'), { recursive: true });
    await writeFile(join(root, 'data', 'harper', 'hdb.pid'), String(process.pid));
    const second = await bootServer({ root, password: adminPassword });
    try {
      const { status, body } = await second.as('admin').post('/predict', { modelName: 'kept', features: [1, 2] });
      expect([status, Object.values(body.prediction)]).toEqual([200, [{ dtype: 'float32', shape: [2], data: [1, 2] }]]);
    } finally {
      await second.stop();
    }
  });
});
