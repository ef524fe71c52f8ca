import { z } from 'zod';
import { fetchSources } from '../../registry/fetch/fetch-request.ts';
import { variants } from '../../registry/fetch/pick-files.ts';
import { canonicalFramework } from '../../registry/frameworks.ts';
import { parseMetadata } from '../../registry/metadata.ts';
import { type Route, route } from '../edge/route.ts';
import { FreeObject, ModelName, ModelVersion } from '../schemas.ts';
import { accepted, JobReply } from './jobs.ts';

const FetchBody = z.strictObject({
  source: z.enum(fetchSources),
  sourceReference: z
    .string()
    .min(1)
    .max(4096)
    .describe('A file or folder below MODELS_DIR or models/, a URL, or owner/name[@revision] on the hub'),
  variant: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe(`${variants.join(', ')}, or the path of an .onnx file`),
  modelName: ModelName,
  modelVersion: ModelVersion.default('v1'),
  framework: z.string().min(1).max(64).optional().describe('Found out from the files unless given'),
  metadata: FreeObject.optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'expected 64 hexadecimal digits')
    .transform((digest) => digest.toLowerCase())
    .optional()
    .describe('Of the bytes as they are stored'),
});

export const modelFetchRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/model/fetch',
    action: 'model.fetch',
    tag: 'Model Management',
    summary: 'Fetch a model from a folder, a URL or the hub, as a job',
    body: {
      kind: 'json',
      schema: FetchBody,
      example: {
        source: 'filesystem',
        sourceReference: 'models/bundles/digits-onnx.onnx',
        modelName: 'digits-fetched',
      },
    },
    replies: { 202: { description: 'The job; Location is its address', schema: JobReply } },
    async handle(app, { body: { metadata, framework, ...request }, caller }) {
      const checked = {
        ...request,
        metadata: parseMetadata(metadata ?? {}),
        ...(framework !== undefined && { framework: canonicalFramework(framework) }),
      };
      return accepted(await app.jobs.fetchModel(checked, caller.username));
    },
  }),
];
