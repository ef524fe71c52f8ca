import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { jobView } from '../../jobs/job-view.ts';
import { emptyBody, type Reply, type Route, route } from '../edge/route.ts';
import { ModelName, page } from '../schemas.ts';

const statuses = ['queued', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
const types = ['batch', 'benchmark', 'validation', 'fetch', 'drift'] as const;

export const JobReply = z.object({
  id: z.string(),
  jobId: z.string().describe('The same as id'),
  type: z.enum(types),
  status: z.enum(statuses),
  phase: z.string().optional(),
  progress: z.object({
    done: z.number(),
    total: z.number().nullable().describe('null while nobody knows'),
    unit: z.enum(['rows', 'bytes', 'iterations']),
  }),
  modelName: z.string().nullable(),
  modelVersion: z.string().nullable(),
  createdBy: z.string(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  completedAt: z.number().nullable(),
  attempts: z.number().describe('Since it was made or resumed'),
  result: z.record(z.string(), z.unknown()).nullable(),
  error: z.object({ code: z.string(), detail: z.string() }).nullable(),
});

/** The reply of a route that hands in a job. */
export const accepted = (row: Parameters<typeof jobView>[0]): Reply => ({
  status: 202,
  headers: { location: `/jobs/${row.id}` },
  body: jobView(row),
});

const changes = {
  pause: 'Stop a job that can go on later',
  resume: 'Let a paused job go on',
  cancel: 'End a job for good; it leaves nothing behind',
} as const;

const changing = (change: keyof typeof changes): Route =>
  route({
    method: 'POST',
    path: `/jobs/{id}/${change}`,
    action: 'job.control',
    tag: 'Jobs',
    summary: changes[change],
    body: emptyBody,
    replies: { 200: { description: 'The job', schema: JobReply } },
    handle: async (app: App, { params }) => ({ body: jobView(await app.jobs.desk[change](params.id ?? '')) }),
  });

export const jobRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/jobs',
    action: 'job.read',
    tag: 'Jobs',
    summary: 'Jobs, newest first',
    query: z.strictObject({
      type: z.enum(types).optional(),
      status: z.enum(statuses).optional(),
      modelName: ModelName.optional(),
      ...page,
    }),
    replies: {
      200: {
        description: 'One page',
        schema: z.object({ jobs: z.array(JobReply), nextCursor: z.string().optional() }),
      },
    },
    async handle(app, { query: { limit, cursor, ...filter } }) {
      const { jobs, ...more } = await app.jobs.desk.list(filter, limit, cursor);
      return { body: { jobs: jobs.map(jobView), ...more } };
    },
  }),
  route({
    method: 'GET',
    path: '/jobs/{id}',
    action: 'job.read',
    tag: 'Jobs',
    summary: 'A job: its status, progress, and result or error',
    replies: { 200: { description: 'The job', schema: JobReply } },
    handle: async (app, { params }) => ({ body: jobView(await app.jobs.desk.get(params.id ?? '')) }),
  }),
  changing('pause'),
  changing('resume'),
  changing('cancel'),
];
