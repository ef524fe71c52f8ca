import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EventRow, JobRow, ModelRow } from '../../src/store/rows.ts';
import type { Query, Table } from '../../src/store/store.ts';

/** The store as a test sees it: what cannot cross a socket as it is has a plainer form. */
export interface TestedStore {
  readonly models: Pick<Table<ModelRow>, 'get' | 'patch' | 'delete' | 'count'> & {
    putWithBytes(row: ModelRow, file: { path: string; size: number }): Promise<void>;
  };
  readonly events: Pick<Table<EventRow>, 'get' | 'put' | 'patch' | 'delete' | 'count'>;
  readonly jobs: Pick<Table<JobRow>, 'get' | 'put' | 'patch'>;
  queryJobs(query: Query<JobRow>): Promise<JobRow[]>;
  query(query: Query<EventRow>): Promise<EventRow[]>;
  bytes(id: string, start?: number, end?: number): Promise<Buffer | undefined>;
  /** Adds one to `computeMs` of an event under the lock, by reading and then writing. */
  countUnderLock(id: string): Promise<void>;
}

export const event = (id: string, part: Partial<EventRow> = {}): EventRow => ({
  id,
  timestamp: 1000,
  modelName: 'm',
  modelVersion: 'v1',
  framework: 'onnx',
  requestId: null,
  userId: null,
  sessionId: null,
  featuresIn: '{"x":[1]}',
  prediction: null,
  confidence: null,
  latencyMs: 1.5,
  actualOutcome: null,
  feedbackTimestamp: null,
  correct: null,
  correctSource: null,
  digest: 'd',
  errorCode: null,
  variant: null,
  promptTokens: null,
  completionTokens: null,
  computeMs: null,
  caller: 'c',
  ...part,
});

export const job = (id: string, part: Partial<JobRow> = {}): JobRow => ({
  id,
  type: 'fetch',
  status: 'queued',
  phase: null,
  modelName: 'm',
  modelVersion: 'v1',
  request: '{}',
  progress: '{"done":0,"total":null,"unit":"bytes"}',
  checkpoint: null,
  sealed: null,
  result: null,
  error: null,
  attempts: 0,
  notBefore: null,
  leaseOwner: null,
  leaseUntil: null,
  createdBy: 'u',
  createdAt: 1000,
  startedAt: null,
  completedAt: null,
  ...part,
});

const model = (id: string): ModelRow => ({
  id,
  modelName: 'm',
  modelVersion: id,
  framework: 'onnx',
  stage: 'candidate',
  status: 'active',
  blobSize: 3,
  digest: 'd',
  inputSchema: '{}',
  outputSchema: '{}',
  metadata: '{"a":"ü"}',
  uploadedAt: 1,
  uploadedBy: 'u',
  deploymentVersion: 1,
  trainingRunId: null,
  parentDeploymentVersion: null,
  promotedAt: null,
  promotedBy: null,
});

/** What persistence must do, whoever does it. */
export function storeSuite(name: string, open: () => TestedStore): void {
  describe(`${name} store`, () => {
    it('gives back what was put, all of it', async () => {
      const store = open();
      const row = event('all', {
        featuresIn: '{"text":"ü\\u0000😀"}',
        timestamp: 1_795_269_431_545,
        confidence: 0.1 + 0.2,
        correct: false,
      });
      await store.events.put(row);
      expect(await store.events.get('all')).toEqual(row);
      expect(await store.events.get('none')).toBeUndefined();
    });

    it('patches only the named attributes', async () => {
      const store = open();
      await store.events.put(event('patched'));
      await store.events.patch('patched', { correct: true, actualOutcome: '{"a":1}' });
      expect(await store.events.get('patched')).toEqual(event('patched', { correct: true, actualOutcome: '{"a":1}' }));
    });

    it('deletes, and deleting again is no error', async () => {
      const store = open();
      await store.events.put(event('deleted'));
      await store.events.delete('deleted');
      await store.events.delete('deleted');
      expect(await store.events.get('deleted')).toBeUndefined();
    });

    it('finds by equality and by range, in order', async () => {
      const store = open();
      for (let i = 0; i < 20; i++)
        await store.events.put(
          event(`q${i}`, { modelName: i % 2 ? 'odd' : 'even', timestamp: 5000 + i, sessionId: 'query' }),
        );
      const found = await store.query({
        conditions: [
          { attribute: 'modelName', comparator: 'equals', value: 'odd' },
          { attribute: 'timestamp', comparator: 'greater_than_equal', value: 5003 },
          { attribute: 'timestamp', comparator: 'less_than', value: 5011 },
        ],
        sort: { attribute: 'timestamp', descending: true },
      });
      expect(found.map(({ timestamp }) => timestamp)).toEqual([5009, 5007, 5005, 5003]);
      const page = await store.query({
        conditions: [{ attribute: 'sessionId', comparator: 'equals', value: 'query' }],
        sort: { attribute: 'timestamp' },
        offset: 3,
        limit: 2,
      });
      expect(page.map(({ id }) => id)).toEqual(['q3', 'q4']);
    });

    it('reads only what is selected', async () => {
      const store = open();
      await store.events.put(event('selected', { sessionId: 'select' }));
      const found = await store.query({
        conditions: [{ attribute: 'sessionId', comparator: 'equals', value: 'select' }],
        select: ['id', 'latencyMs'],
      });
      expect(found).toEqual([{ id: 'selected', latencyMs: 1.5 }]);
    });

    it('keeps bytes with their model, and gives any part of them', async () => {
      const store = open();
      const bytes = randomBytes(1_000_000);
      const path = join(await mkdtemp(join(tmpdir(), 'store-')), 'bytes');
      await writeFile(path, bytes);
      await store.models.putWithBytes(model('m:blob'), { path, size: bytes.length });
      expect(await store.models.get('m:blob')).toEqual(model('m:blob'));
      // Comparing by element takes seconds.
      expect((await store.bytes('m:blob'))?.equals(bytes)).toBe(true);
      for (const [start, end] of [
        [100, 250_000],
        [250_000, 700_000],
        [600_001, 600_002],
        [999_995, 1_000_000],
      ] as const) {
        expect((await store.bytes('m:blob', start, end))?.equals(bytes.subarray(start, end))).toBe(true);
      }
      await store.models.patch('m:blob', { stage: 'production' });
      expect((await store.models.get('m:blob'))?.stage).toBe('production');
      expect((await store.bytes('m:blob'))?.equals(bytes)).toBe(true);
      await store.models.delete('m:blob');
      expect(await store.bytes('m:blob')).toBeUndefined();
    });

    it('keeps jobs, and finds them by status as it is now', async () => {
      const store = open();
      await store.jobs.put(job('job-1', { type: 'drift', createdAt: 1_795_269_431_545 }));
      await store.jobs.put(job('job-2', { type: 'drift', createdAt: 1_795_269_431_546 }));
      const claimed = { status: 'running', leaseOwner: 'o', leaseUntil: 1_795_269_441_545, sealed: true } as const;
      await store.jobs.patch('job-1', claimed);
      expect(await store.jobs.get('job-1')).toEqual(
        job('job-1', { type: 'drift', createdAt: 1_795_269_431_545, ...claimed }),
      );
      const found = async (status: string) => {
        const ours = { attribute: 'type', comparator: 'equals', value: 'drift' } as const;
        const conditions = [{ attribute: 'status', comparator: 'equals', value: status } as const, ours];
        const rows = await store.queryJobs({ conditions, sort: { attribute: 'createdAt', descending: true } });
        return rows.map(({ id }) => id);
      };
      expect([await found('queued'), await found('running')]).toEqual([['job-2'], ['job-1']]);
      await store.jobs.patch('job-1', { status: 'queued', leaseOwner: null, leaseUntil: null });
      expect([await found('queued'), await found('running')]).toEqual([['job-2', 'job-1'], []]);
      expect(await store.jobs.get('job-1')).toMatchObject({ leaseOwner: null, leaseUntil: null, sealed: true });
    });

    it('lets one at a time hold a key', async () => {
      const store = open();
      await store.events.put(event('counted'));
      await Promise.all(Array.from({ length: 200 }, () => store.countUnderLock('counted')));
      expect((await store.events.get('counted'))?.computeMs).toBe(200);
    });
  });
}
