import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FetchRequest } from '../../../src/registry/fetch/fetch-request.ts';
import { tinyApp } from '../../support/tiny-app.ts';

/** The product with models in its own folder, and its jobs at work unless they are to wait. */
async function fetching({ atWork = true } = {}) {
  const tiny = await tinyApp();
  const { app, ports } = tiny;
  await mkdir(join(ports.modelsFolder, 'pair'), { recursive: true });
  await writeFile(join(ports.modelsFolder, 'one.onnx'), 'weights');
  await writeFile(join(ports.modelsFolder, 'pair', 'model.onnx'), 'weights');
  await writeFile(join(ports.modelsFolder, 'pair', 'labels.json'), '[]');
  if (atWork) app.jobs.runner.start();
  onTestFinished(() => app.jobs.runner.close());
  const request = (part: Partial<FetchRequest> = {}): FetchRequest => ({
    source: 'filesystem',
    sourceReference: 'one.onnx',
    modelName: 'iris',
    modelVersion: 'v1',
    metadata: {},
    ...part,
  });
  const until = (id: string, ...statuses: string[]) =>
    vi.waitUntil(async () => {
      const job = await app.jobs.desk.get(id);
      return statuses.includes(job.status) ? job : undefined;
    });
  return {
    ...tiny,
    request,
    until,
    fetch: async (part?: Partial<FetchRequest>) => {
      const { id } = await app.jobs.fetchModel(request(part), 'ann');
      return (await until(id, 'completed', 'failed')) as Awaited<ReturnType<typeof app.jobs.desk.get>>;
    },
    /** What lies in the store of packages, by folder. */
    async lying() {
      const names = (part: string) => readdir(join(app.config.AI_OPS_ROOT, 'models', part)).catch(() => []);
      return { incoming: await names('incoming'), making: await names('making'), packages: await names('packages') };
    },
  };
}

describe('a fetch', () => {
  it('gives the version that an upload of the bytes would', async () => {
    const { app, fetch, register } = await fetching();
    const uploaded = await register({ modelName: 'uploaded' }, 'weights');
    const { status, result } = await fetch();
    expect([status, JSON.parse(result ?? '')]).toEqual([
      'completed',
      { modelName: 'iris', modelVersion: 'v1', digest: uploaded.digest },
    ]);
    const { framework, stage, uploadedBy } = await app.registry.get('iris', 'v1');
    expect({ framework, stage, uploadedBy }).toEqual({ framework: 'onnx', stage: 'candidate', uploadedBy: 'ann' });
  });

  it('of a folder has the same digest every time', async () => {
    const { fetch, lying } = await fetching();
    const digests = [];
    for (const modelVersion of ['v1', 'v2'])
      digests.push(JSON.parse((await fetch({ sourceReference: 'models/pair', modelVersion })).result ?? '').digest);
    expect(digests[0]).toBe(digests[1]);
    expect(await lying()).toEqual({ incoming: [], making: [], packages: [`${digests[0]}-onnx`] });
  });

  it('of bytes that are there already says so without reading them again', async () => {
    const { app, fetch, engine } = await fetching();
    await fetch();
    const { digest } = await app.registry.get('iris', 'v1');
    const loads = engine.load.mock.calls.length;
    const job = await fetch({ sha256: digest });
    expect([job.status, JSON.parse(job.progress).done, engine.load.mock.calls.length]).toEqual(['completed', 0, loads]);
  });

  it('that is cancelled while the model is loaded stores nothing', async () => {
    const { app, request, engine, until, lying } = await fetching();
    let loaded = () => {};
    const load = engine.load.getMockImplementation();
    engine.load.mockImplementationOnce(async (model) => {
      await new Promise<void>((resolve) => {
        loaded = resolve;
      });
      return load?.(model) as never;
    });
    const { id } = await app.jobs.fetchModel(request(), 'ann');
    await vi.waitUntil(() => engine.load.mock.calls.length === 1);
    await app.jobs.desk.cancel(id);
    loaded();
    await until(id, 'cancelled');
    await vi.waitUntil(async () => Object.values(await lying()).flat().length === 0);
    await expect(app.registry.get('iris', 'v1')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('is cancelled and leaves nothing, or is done, whenever somebody cancels it', async () => {
    const { app, request, until, lying } = await fetching();
    const ends = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const modelName = `raced-${i}`;
      const { id } = await app.jobs.fetchModel(request({ modelName, sourceReference: 'pair' }), 'ann');
      if (i % 6 === 5) await until(id, 'completed');
      else await pause(i / 2);
      const cancelled = await app.jobs.desk.cancel(id).then(
        () => true,
        () => false,
      );
      const job = await until(id, 'completed', 'failed', 'cancelled');
      expect(job?.status).toBe(cancelled ? 'cancelled' : 'completed');
      // The work of a cancelled job may still be on its way out.
      if (cancelled) await vi.waitUntil(async () => (await lying()).incoming.length === 0);
      await pause(5);
      const stored = await app.registry.get(modelName, 'v1').then(
        () => true,
        () => false,
      );
      expect([modelName, stored]).toEqual([modelName, !cancelled]);
      if (stored) await app.registry.retire(modelName, 'v1', 'ann');
      ends.add(job?.status ?? '');
    }
    await vi.waitUntil(async () => Object.values(await lying()).flat().length === 0);
    expect([...ends].sort()).toEqual(['cancelled', 'completed']);
  });

  it('that was stored by a server which died right then is done, not stored again', async () => {
    const { app, ports, register, request, until } = await fetching({ atWork: false });
    const { digest } = await register({}, 'weights');
    const row = await app.jobs.desk.create({
      type: 'fetch',
      request: request(),
      modelName: 'iris',
      modelVersion: 'v1',
      createdBy: 'ann',
    });
    // As the dead server left it: sealed, with its checkpoint, under a lease that ran out.
    await ports.store.jobs.patch(row.id, { sealed: true, checkpoint: JSON.stringify({ digest }), attempts: 1 });
    app.jobs.runner.start();
    const job = await until(row.id, 'completed', 'failed');
    expect([job?.status, JSON.parse(job?.result ?? '').digest, JSON.parse(job?.progress ?? '').done]).toEqual([
      'completed',
      digest,
      0,
    ]);
  });

  it('that died after it was sealed and before it stored can be cancelled again', async () => {
    const { app, ports, request, until } = await fetching({ atWork: false });
    const row = await app.jobs.desk.create({
      type: 'fetch',
      request: request(),
      modelName: 'iris',
      modelVersion: 'v1',
      createdBy: 'ann',
    });
    await ports.store.jobs.patch(row.id, { sealed: true, checkpoint: '{"digest":"gone"}', attempts: 1 });
    await expect(app.jobs.desk.cancel(row.id)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    app.jobs.runner.start();
    expect((await until(row.id, 'completed', 'failed'))?.status).toBe('completed');
  });
});

describe('a fetch that cannot be', () => {
  it.each([
    [{ sourceReference: 'two.onnx' }, 'PATH_FORBIDDEN'],
    [{ source: 'url', sourceReference: 'http://127.0.0.1/x' }, 'URL_FORBIDDEN'],
    [{ source: 'huggingface', sourceReference: 'o/n' }, 'URL_FORBIDDEN'],
    [{ variant: 'q3' }, 'INVALID_INPUT'],
    [{ source: 'url', sourceReference: 'https://x.example/', variant: 'q8' }, 'INVALID_INPUT'],
  ] as const)('%j is refused before a job is made', async (part, code) => {
    const { app, request } = await fetching();
    await expect(app.jobs.fetchModel(request(part), 'ann')).rejects.toMatchObject({ code });
    expect((await app.jobs.desk.list({}, 10)).jobs).toEqual([]);
  });

  it.each([
    [{ sha256: '0'.repeat(64) }, 'DIGEST_MISMATCH'],
    [{ framework: 'tensorflow', sourceReference: 'pair' }, 'MODEL_FORMAT'],
    [{ sourceReference: 'pair', variant: 'q4' }, 'MODEL_FORMAT'],
  ])('%j fails and leaves nothing', async (part, code) => {
    const { fetch, lying } = await fetching();
    const { status, error } = await fetch(part);
    expect([status, JSON.parse(error ?? '').code]).toEqual(['failed', code]);
    expect(await lying()).toEqual({ incoming: [], making: [], packages: [] });
  });
});
