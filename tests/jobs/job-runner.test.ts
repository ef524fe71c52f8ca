import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { jobView } from '../../src/jobs/job-view.ts';
import { leaseMs } from '../../src/jobs/lease.ts';
import { FinalError, pauseBefore } from '../../src/jobs/retry.ts';
import type { Work } from '../../src/jobs/work.ts';
import { aborted, workshop } from './support.ts';

const is =
  (...statuses: string[]) =>
  ({ status }: { status: string }) =>
    statuses.includes(status);

describe('a job', () => {
  it('is done once, with its progress and its result', async () => {
    const run = vi.fn(async (work: Work) => {
      await work.phase('counting');
      work.progress(7, 10);
      expect((await shop.desk.get(work.id)).phase).toBe('counting');
      return { rows: 7 };
    });
    const shop = workshop({ run });
    shop.runner();
    shop.runner();
    const { id } = await shop.create({ table: 'Orders' });
    const row = await shop.until(id, is('completed', 'failed'));
    expect(jobView(row)).toEqual({
      id,
      jobId: id,
      type: 'batch',
      status: 'completed',
      progress: { done: 7, total: 10, unit: 'rows' },
      modelName: null,
      modelVersion: null,
      createdBy: 'ann',
      createdAt: row.createdAt,
      startedAt: expect.any(Number),
      completedAt: expect.any(Number),
      attempts: 1,
      result: { rows: 7 },
      error: null,
    });
    expect(row).toMatchObject({ leaseOwner: null, leaseUntil: null });
    expect(run).toHaveBeenCalledTimes(1);
    expect(run.mock.calls[0]?.[0].request).toEqual({ table: 'Orders' });
  });

  it('waits for room, oldest first', async () => {
    let atWork = 0;
    let most = 0;
    const order: unknown[] = [];
    const shop = workshop({
      atOnce: 2,
      async run({ request }) {
        order.push(request);
        most = Math.max(most, ++atWork);
        await pause(10);
        atWork--;
      },
    });
    const jobs = [];
    for (let i = 0; i < 6; i++) {
      jobs.push(await shop.create(i));
      await pause(2);
    }
    shop.runner({ atOnce: 5 });
    for (const { id } of jobs) await shop.until(id, is('completed'));
    expect([order, most]).toEqual([[0, 1, 2, 3, 4, 5], 2]);
  });

  it('keeps its lease alive', async () => {
    const shop = workshop({
      async run({ signal }) {
        await aborted(signal);
      },
    });
    shop.runner();
    const { id } = await shop.create();
    const before = await shop.until(id, is('running'));
    shop.clock.ahead += leaseMs / 2;
    const after = await shop.until(id, ({ leaseUntil }) => (leaseUntil ?? 0) > (before.leaseUntil ?? 0));
    expect(after.leaseUntil).toBeGreaterThan(Date.now() + leaseMs);
    await shop.desk.cancel(id);
  });
});

describe('an error', () => {
  it('that may pass is tried again, at most three times', async () => {
    const run = vi.fn(async () => {
      throw new AppError('UPSTREAM_UNAVAILABLE', 'Nobody answered. Try later.', { retryAfterSeconds: 5 });
    });
    const shop = workshop({ run });
    shop.runner();
    const { id } = await shop.create();
    for (const attempt of [1, 2]) {
      const waiting = await shop.until(id, ({ status, attempts }) => status === 'queued' && attempts === attempt);
      expect(jobView(waiting).error).toBeNull();
      expect(waiting.notBefore).toBeGreaterThan(Date.now() + shop.clock.ahead + 4000);
      shop.clock.ahead += 5000;
    }
    const row = await shop.until(id, is('failed'));
    expect(jobView(row)).toMatchObject({
      attempts: 3,
      result: null,
      error: { code: 'UPSTREAM_UNAVAILABLE', detail: 'Nobody answered. Try later.' },
    });
    expect(run).toHaveBeenCalledTimes(3);
  });

  it.each([
    ['that says so', new FinalError(new AppError('UPSTREAM_UNAVAILABLE', 'It answered 404.')), 'UPSTREAM_UNAVAILABLE'],
    ['of the request', new AppError('URL_FORBIDDEN', 'Not there.'), 'URL_FORBIDDEN'],
    ['nobody foresaw', new TypeError('/secret/path is undefined'), 'INTERNAL'],
  ])('%s ends it at once', async (_case, error, code) => {
    const shop = workshop({
      async run() {
        throw error;
      },
    });
    shop.runner();
    const { id } = await shop.create();
    const { attempts, error: shown } = jobView(await shop.until(id, is('failed')));
    expect([attempts, (shown as { code: string }).code]).toEqual([1, code]);
    expect(JSON.stringify(shown)).not.toContain('secret');
    expect(shop.log).toHaveBeenCalledTimes(code === 'INTERNAL' ? 1 : 0);
  });

  it('makes pauses that grow', () => {
    expect([1, 2, 3].map((attempt) => pauseBefore(attempt, new Error()))).toEqual([1000, 4000, 16_000]);
    expect(pauseBefore(1, new AppError('STORAGE_FULL', 'x', { retryAfterSeconds: 3600 }))).toBe(60_000);
  });
});

describe('a job is controlled', () => {
  /** Works until it is stopped, and says when it was. */
  function endless() {
    const stopped = vi.fn();
    const shop = workshop({
      async run(work) {
        await work.save({ row: work.attempt });
        await aborted(work.signal);
        stopped();
        await expect(work.phase('too late')).rejects.toThrow('no longer ours');
        throw new Error('stopped');
      },
    });
    return { ...shop, stopped };
  }
  const refused = (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ code: 'STATE_CONFLICT' });

  it('by cancelling it at work, and nothing is written after that', async () => {
    const shop = endless();
    shop.runner();
    const { id } = await shop.create();
    await shop.until(id, ({ checkpoint }) => checkpoint !== null);
    const cancelled = await shop.desk.cancel(id);
    await vi.waitUntil(() => shop.stopped.mock.calls.length === 1);
    await pause(50);
    expect(await shop.desk.get(id)).toEqual(cancelled);
    expect(cancelled).toMatchObject({ status: 'cancelled', completedAt: expect.any(Number), leaseOwner: null });
    for (const change of ['cancel', 'pause', 'resume'] as const) await refused(shop.desk[change](id));
  });

  it('by cancelling it on a thread that the runner does not hear of', async () => {
    const shop = endless();
    const runner = shop.runner();
    const { id } = await shop.create();
    await shop.until(id, ({ checkpoint }) => checkpoint !== null);
    shop.forget(runner);
    await shop.desk.cancel(id);
    shop.clock.ahead += leaseMs / 2;
    await vi.waitUntil(() => shop.stopped.mock.calls.length === 1, { timeout: 3000 });
    expect((await shop.desk.get(id)).status).toBe('cancelled');
  });

  it('by pausing and resuming it where it was', async () => {
    const seen: unknown[] = [];
    const shop = workshop({
      async run({ checkpoint, signal }) {
        seen.push(checkpoint);
        if (checkpoint !== undefined) return { from: checkpoint };
        await aborted(signal);
        return {};
      },
    });
    const { id } = await shop.create();
    await shop.store.jobs.patch(id, { checkpoint: '5' });
    expect((await shop.desk.pause(id)).status).toBe('paused');
    shop.runner();
    await pause(60);
    expect(seen).toEqual([]);
    expect(await shop.desk.resume(id)).toMatchObject({ status: 'queued', attempts: 0 });
    expect(jobView(await shop.until(id, is('completed'))).result).toEqual({ from: 5 });
    await refused(shop.desk.resume(id));
  });

  it('by pausing it at work', async () => {
    const shop = endless();
    shop.runner();
    const { id } = await shop.create();
    await shop.until(id, ({ checkpoint }) => checkpoint !== null);
    expect((await shop.desk.pause(id)).status).toBe('paused');
    await vi.waitUntil(() => shop.stopped.mock.calls.length === 1);
    expect(await shop.desk.get(id)).toMatchObject({ status: 'paused', checkpoint: '{"row":1}' });
    expect((await shop.desk.cancel(id)).status).toBe('cancelled');
  });

  it('not at all where it cannot be, or is not there', async () => {
    const shop = workshop({ pausable: false, run: async () => ({}) });
    const { id } = await shop.create();
    await refused(shop.desk.pause(id));
    await refused(shop.desk.resume(id));
    for (const work of [shop.desk.get('nobody'), shop.desk.cancel('nobody')])
      await expect(work).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('no more once something of it stays', async () => {
    let goOn = () => {};
    const shop = workshop({
      async run(work) {
        await work.seal({ digest: 'd' });
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        return {};
      },
    });
    shop.runner();
    const { id } = await shop.create();
    await shop.until(id, ({ sealed }) => sealed === true);
    await refused(shop.desk.cancel(id));
    await refused(shop.desk.pause(id));
    goOn();
    await shop.until(id, is('completed'));
  });

  it('and whoever was cancelled before the lasting step does not take it', async () => {
    const lasting = vi.fn();
    let goOn = () => {};
    const shop = workshop({
      async run(work) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        await work.seal({});
        lasting();
      },
    });
    const runner = shop.runner();
    const { id } = await shop.create();
    await shop.until(id, is('running'));
    shop.forget(runner);
    await shop.desk.cancel(id);
    goOn();
    await pause(50);
    expect(lasting).not.toHaveBeenCalled();
    expect((await shop.desk.get(id)).status).toBe('cancelled');
  });
});

describe('a runner that dies', () => {
  it('loses its job to the next, and writes nothing when it wakes up', async () => {
    const wakes: (() => void)[] = [];
    const late: unknown[] = [];
    const shop = workshop({
      async run(work) {
        if (work.attempt === 2) return { by: 'second', checkpoint: work.checkpoint };
        await work.save('half');
        // Nothing reports any more: as good as a process that stands still.
        work.close();
        await new Promise<void>((resolve) => wakes.push(resolve));
        late.push(await work.phase('late').catch((error: Error) => error.message));
        return { by: 'first' };
      },
    });
    const first = shop.runner();
    const { id } = await shop.create();
    await shop.until(id, ({ checkpoint }) => checkpoint !== null);
    shop.forget(first);
    shop.runner();
    await pause(60);
    expect((await shop.desk.get(id)).attempts).toBe(1);
    shop.clock.ahead += leaseMs + 1000;
    const row = await shop.until(id, is('completed'));
    expect(jobView(row)).toMatchObject({ attempts: 2, result: { by: 'second', checkpoint: 'half' } });
    for (const wake of wakes) wake();
    await vi.waitUntil(() => late.length > 0);
    expect(late[0]).toContain('no longer ours');
    await pause(50);
    expect(await shop.desk.get(id)).toEqual(row);
  });

  it('three times leaves a failed job', async () => {
    const shop = workshop({ run: async () => ({}) });
    const { id } = await shop.create();
    await shop.store.jobs.patch(id, { status: 'running', attempts: 3, leaseOwner: 'gone', leaseUntil: 1 });
    shop.runner();
    const { error } = jobView(await shop.until(id, is('failed')));
    expect(error).toMatchObject({ code: 'INTERNAL', detail: expect.stringContaining('3 times') });
  });

  it('on purpose puts its jobs back, and that is no attempt', async () => {
    const shop = workshop({
      async run({ signal }) {
        await aborted(signal);
        throw signal.reason;
      },
    });
    const runner = shop.runner();
    const { id } = await shop.create();
    await shop.until(id, is('running'));
    await runner.close();
    expect(await shop.desk.get(id)).toMatchObject({ status: 'queued', attempts: 0, leaseOwner: null });
  });

  it('is the only one at a job, however many there are', async () => {
    const atWork = new Map<string, number>();
    const clashes: string[] = [];
    const done = vi.fn();
    const shop = workshop({
      async run({ id }) {
        atWork.set(id, (atWork.get(id) ?? 0) + 1);
        if (atWork.get(id) !== 1) clashes.push(id);
        await pause(Math.random() * 5);
        atWork.set(id, (atWork.get(id) ?? 0) - 1);
        done();
        return {};
      },
    });
    for (let i = 0; i < 4; i++) shop.runner();
    const jobs = await Promise.all(Array.from({ length: 90 }, (_, i) => shop.create(i)));
    for (const { id } of jobs) await shop.until(id, is('completed'));
    expect([clashes, done.mock.calls.length]).toEqual([[], 90]);
  });
});

describe('the queue', () => {
  it('takes a hundred of a type, and more when some are gone', async () => {
    const shop = workshop({ run: async () => ({}) });
    const jobs = [];
    for (let i = 0; i < 100; i++) jobs.push(await shop.create());
    await expect(shop.create()).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterSeconds: 10 });
    await shop.desk.cancel(jobs[0]?.id ?? '');
    await shop.create();
  });
});

describe('jobs are listed', () => {
  it('newest first, by page and by what they are', async () => {
    const shop = workshop({ run: async () => ({}) });
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) {
      const { id } = await shop.desk.create({
        type: 'batch',
        request: {},
        modelName: i % 2 ? 'odd' : 'even',
        createdBy: 'ann',
      });
      ids.unshift(id);
      await pause(2);
    }
    const first = await shop.desk.list({}, 4);
    const second = await shop.desk.list({}, 4, first.nextCursor);
    expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(ids);
    expect(second).not.toHaveProperty('nextCursor');
    expect((await shop.desk.list({ modelName: 'odd', type: 'batch', status: 'queued' }, 10)).jobs).toHaveLength(3);
    expect((await shop.desk.list({ status: 'running' }, 10)).jobs).toEqual([]);
    await expect(shop.desk.list({}, 1, 'x')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});
