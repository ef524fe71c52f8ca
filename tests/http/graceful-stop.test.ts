import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { adminPassword, bootServer, client, type TestServer, uploadForm } from '../support/boot-server.ts';
import { neverReturns } from '../support/misbehaving-models.ts';
import { descendants, inodeOf, isAlive, openFiles, scriptOf, tcpSockets } from '../support/processes.ts';
import { identityOnnx } from '../support/tiny-onnx.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function boot(root?: string): Promise<TestServer> {
  server = await bootServer({ environment: { HTTP_THREADS: '2' }, ...(root !== undefined && { root }) });
  const form = uploadForm(
    { modelName: 'same', modelVersion: 'v1', framework: 'onnx' },
    identityOnnx('float32', ['n', 3]),
  );
  const { status, body } = await server.as('admin').post('/model/upload', form);
  expect(status, body.detail).toBe(201);
  return server;
}

interface Outcome {
  readonly status?: number;
  readonly error?: string;
  readonly inferenceId?: string;
  /** Whether the request had left when the error came. */
  readonly wasSent: boolean;
}

/** Sends one prediction over the agent and tells all that can become of it. */
function predict(url: string, agent: Agent, authorization: string, features: number[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const body = JSON.stringify({ modelName: 'same', features: [features] });
    let wasSent = false;
    const asking = request(
      `${url}/predict`,
      {
        method: 'POST',
        agent,
        headers: { authorization, 'content-type': 'application/json', 'content-length': body.length },
      },
      (answer: IncomingMessage) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, inferenceId: JSON.parse(text).inferenceId, wasSent }),
        );
        answer.on('error', (error) => resolve({ error: `answer: ${error.message}`, wasSent }));
      },
    );
    asking.on('finish', () => (wasSent = true));
    asking.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message, wasSent }));
    asking.end(body);
  });
}

const signalled: readonly (readonly [string, (server: TestServer) => number])[] = [
  ['npm start', ({ child }) => child.pid ?? 0],
  ['Harper itself', ({ root }) => Number(readFileSync(join(root, 'data', 'harper', 'hdb.pid'), 'utf8'))],
];

describe.skipIf(process.platform !== 'linux')('a signal', { timeout: 180_000 }, () => {
  it.each(signalled)('O1 to %s under load leaves no request unanswered', async (_whom, pidOf) => {
    const { url, root, child, as } = await boot();
    const authorization = as('predictor').authorization ?? '';
    const below = descendants(child.pid ?? 0);
    expect(below.length).toBeGreaterThanOrEqual(3);
    // A model must find nothing of its server, and a port is closed when its server has closed it.
    const tcp = new Set(tcpSockets().map(({ inode }) => inode));
    const runners = below.filter((pid) => scriptOf(pid).includes('runner'));
    expect(runners.length).toBeGreaterThanOrEqual(2);
    for (const pid of runners)
      expect(openFiles(pid).filter((link) => /\.mdb/.test(link) || tcp.has(inodeOf(link) ?? ''))).toEqual([]);
    const outcomes: Outcome[] = [];
    let isOver = false;
    const asking = Array.from({ length: 24 }, async (_, worker) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let turn = 0; !isOver; turn++) {
        const outcome = await predict(url, agent, authorization, [worker, turn, 0]);
        outcomes.push(outcome);
        if (outcome.error === 'ECONNREFUSED') break;
      }
      agent.destroy();
    });
    const readiness: (number | string)[] = [];
    await pause(500);
    const begin = performance.now();
    process.kill(pidOf(server as TestServer), 'SIGTERM');
    const watching = (async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!isOver && readiness.at(-1) !== 'ECONNREFUSED') {
        readiness.push(
          await new Promise<number | string>((resolve) =>
            request(`${url}/health/ready`, { agent }, (answer) => {
              answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
            })
              .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
              .end(),
          ),
        );
        await pause(20);
      }
      agent.destroy();
    })();
    const code = await new Promise((resolve) =>
      child.exitCode === null ? child.once('exit', resolve) : resolve(child.exitCode),
    );
    const tookMs = performance.now() - begin;
    isOver = true;
    await Promise.all([...asking, watching]);

    expect([code, tookMs < 10_000]).toEqual([0, true]);
    expect(readiness).toContain(503);
    expect(readiness.filter((seen) => ![200, 503, 'ECONNREFUSED'].includes(seen))).toEqual([]);
    const answered = outcomes.filter(({ status }) => status !== undefined);
    const broken = outcomes.filter(({ error }) => error !== undefined && error !== 'ECONNREFUSED');
    console.log(`${answered.length} answered, ${broken.length} broken, ended after ${Math.round(tookMs)} ms`);
    expect(broken).toEqual([]);
    expect(answered.filter(({ status }) => status !== 200)).toEqual([]);
    expect(answered.length).toBeGreaterThan(50);
    await expect.poll(() => below.filter(isAlive), { timeout: 2_000 }).toEqual([]);

    const again = await bootServer({ root });
    try {
      const trainer = client(again.url, 'admin', adminPassword);
      const lost = [];
      for (const { inferenceId } of answered)
        if ((await trainer.get(`/InferenceEvent/${inferenceId}`)).status !== 200) lost.push(inferenceId);
      expect(lost).toEqual([]);
    } finally {
      await again.stop();
      await rm(root, { recursive: true, force: true });
    }
  });

  it('lets what a runner is busy with end, however the caller waits', async () => {
    const { url, as, child } = await boot();
    const admin = as('admin');
    const form = uploadForm({ modelName: 'slow', modelVersion: 'v1', framework: 'onnx' }, neverReturns('stop'));
    expect((await admin.post('/model/upload', form)).status).toBe(201);
    const slow = admin.post('/predict', {
      modelName: 'slow',
      features: { x: [1, 2] },
      options: { timeoutMs: 3_000 },
    });
    await pause(500);
    const begin = performance.now();
    child.kill('SIGTERM');
    const { status, body } = await slow;
    expect([status, body.code]).toEqual([503, 'INFERENCE_TIMEOUT']);
    expect(performance.now() - begin).toBeGreaterThan(1_500);
    await expect.poll(() => child.exitCode, { timeout: 10_000 }).toBe(0);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('that comes twice ends the server at once, with all that it runs', async () => {
    const { as, child } = await boot();
    const admin = as('admin');
    const form = uploadForm({ modelName: 'slow', modelVersion: 'v1', framework: 'onnx' }, neverReturns('twice'));
    expect((await admin.post('/model/upload', form)).status).toBe(201);
    const slow = admin.post('/predict', { modelName: 'slow', features: { x: [1, 2] } }).catch(() => 'cut');
    await pause(500);
    const below = descendants(child.pid ?? 0);
    child.kill('SIGTERM');
    await pause(1_000);
    expect(child.exitCode).toBeNull();
    const begin = performance.now();
    child.kill('SIGTERM');
    await expect.poll(() => child.exitCode ?? child.signalCode, { timeout: 5_000, interval: 20 }).not.toBeNull();
    expect(performance.now() - begin).toBeLessThan(2_000);
    expect(await slow).toBe('cut');
    await expect.poll(() => below.filter(isAlive), { timeout: 3_000 }).toEqual([]);
  });

  it('is what a launcher that was killed leaves behind: no server goes on without it', async () => {
    const { url, child } = await boot();
    const below = descendants(child.pid ?? 0);
    expect(below.length).toBeGreaterThan(1);
    child.kill('SIGKILL');
    await expect.poll(() => below.filter(isAlive), { timeout: 15_000 }).toEqual([]);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });
});
