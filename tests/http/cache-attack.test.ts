import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { attackCache } from '../../scripts/cache-attack/run.ts';
import { tableModel } from '../../scripts/durability/model-bytes.ts';
import { bootServer, uploadForm } from '../support/boot-server.ts';

describe('the model cache under attack', () => {
  it('P15 P16 P17: no wrong answer while models are asked, reloaded, deleted and registered again', {
    timeout: 120_000,
  }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'ai-ops-cache-'));
    try {
      const report = await attackCache({ root, models: 60, cache: 5, clients: 16, seconds: 12, seed: 3, threads: 2 });
      expect(report.findings).toEqual([]);
      // An attack that met nothing proves nothing.
      expect(report.storm.answers['predict 200']).toBeGreaterThan(50);
      const met = ['predict 200', 'predict 404 MODEL_NOT_FOUND', 'reload 200', 'delete 204', 'register 201'];
      for (const kind of [...met, 'register other bytes 409 VERSION_IMMUTABLE'])
        expect({ kind, times: report.answers[kind] ?? 0 }).toEqual({ kind, times: expect.toSatisfy((n) => n > 2) });
    } finally {
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    }
  });

  it('P14: 10,000 requests at once on a cold model load it once', { timeout: 180_000 }, async () => {
    const server = await bootServer({ environment: { HTTP_THREADS: '2', MODEL_CACHE_SIZE: '1' } });
    const agent = new Agent({ keepAlive: true, maxSockets: 10_000 });
    try {
      const admin = server.as('admin');
      const [cold, other] = [tableModel(3, 1), tableModel(3, 2)];
      for (const [modelName, { bytes }] of Object.entries({ cold, other })) {
        const fields = { modelName, modelVersion: 'v1', framework: 'onnx', metadata: '{}' };
        expect((await admin.post('/model/upload', uploadForm(fields, bytes))).status).toBe(201);
      }
      const loadsOf = async () => {
        const { models } = (await admin.get('/status')).body;
        return models.find((model: { modelName: string }) => model.modelName === 'cold')?.loads;
      };
      // The other one has pushed it out.
      expect(await loadsOf()).toBeUndefined();

      const { hostname, port } = new URL(server.url);
      const text = JSON.stringify({ modelName: 'cold', modelVersion: 'v1', features: { row: [1] } });
      const askOnce = () =>
        new Promise<string>((resolve, reject) => {
          const headers = { authorization: admin.authorization ?? '', 'content-type': 'application/json' };
          const outgoing = request({ hostname, port, agent, method: 'POST', path: '/predict', headers }, (reply) => {
            let body = '';
            reply.setEncoding('utf8').on('data', (chunk) => (body += chunk));
            reply.on('error', reject).on('end', () => {
              const parsed = body.startsWith('{') ? JSON.parse(body) : { code: body };
              const isRight = isDeepStrictEqual(parsed.prediction?.values?.data, cold.row(1));
              const mayRetry = /^\d+$/.test(reply.headers['retry-after'] ?? '');
              const words = reply.statusCode === 200 ? !isRight && 'wrong' : mayRetry ? '' : 'without retry-after';
              resolve([reply.statusCode, parsed.code, words].filter(Boolean).join(' '));
            });
          });
          outgoing.on('error', reject).end(text);
        });
      const answers = await Promise.all(Array.from({ length: 10_000 }, askOnce));
      const counts: Record<string, number> = {};
      for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
      expect(Object.keys(counts).filter((answer) => !/^(200|429 QUEUE_FULL|503 \w+)$/.test(answer))).toEqual([]);
      expect(counts['200']).toBeGreaterThan(100);
      // Once when it was registered, once now.
      expect(await loadsOf()).toBe(2);
    } finally {
      agent.destroy();
      await server.stop();
    }
  });
});
