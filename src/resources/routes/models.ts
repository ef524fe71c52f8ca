import { z } from 'zod';
import { AppError } from '../../errors.ts';
import { mergePatch } from '../../lib/merge-patch.ts';
import { canonicalFramework } from '../../registry/frameworks.ts';
import { parseMetadata } from '../../registry/metadata.ts';
import { checkName, checkVersion } from '../../registry/names.ts';
import { canonicalStage } from '../../registry/stages.ts';
import { type ApiRequest, type Route, route } from '../edge/route.ts';
import { isAtLeast } from '../policy.ts';
import { FreeObject, ModelName, page } from '../schemas.ts';

export const ModelReply = z.looseObject({
  id: z.string(),
  modelName: z.string(),
  modelVersion: z.string(),
  framework: z.string(),
  stage: z.string(),
  digest: z.string(),
  blobSize: z.number(),
});

const ModelsQuery = z.strictObject({
  stage: z.string().max(32).optional(),
  framework: z.string().max(64).optional(),
  taskType: z.string().max(64).optional(),
  ...page,
});

const versionsReply = { 200: { description: 'Newest deployment first', schema: z.array(ModelReply) } };

export const modelRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/model',
    action: 'model.list',
    tag: 'Model Management',
    summary: 'Registered versions, by name',
    query: ModelsQuery,
    replies: {
      200: {
        description: 'One page',
        schema: z.object({ models: z.array(ModelReply), nextCursor: z.string().optional() }),
      },
    },
    async handle(app, { query }) {
      const { limit, cursor, stage, framework, taskType } = query;
      const filter = {
        ...(stage !== undefined && { stage: canonicalStage(stage) }),
        ...(framework !== undefined && { framework: canonicalFramework(framework) }),
        ...(taskType !== undefined && { taskType }),
      };
      const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString();
      const models = (await app.registry.list(filter)).filter(({ id }) => id > after);
      const shown = models.slice(0, limit);
      const last = shown.at(-1);
      const more = models.length > limit && last ? { nextCursor: Buffer.from(last.id).toString('base64url') } : {};
      return { body: { models: shown, ...more } };
    },
  }),
  route({
    method: 'GET',
    path: '/model/versions',
    action: 'model.read',
    tag: 'Model Management',
    summary: 'Versions of a model',
    query: z.strictObject({ modelName: ModelName }),
    replies: versionsReply,
    handle: async (app, { query }) => ({ body: await app.registry.versions(query.modelName) }),
  }),
  route({
    method: 'GET',
    path: '/model/{name}/versions',
    action: 'model.read',
    tag: 'Model Management',
    summary: 'Versions of a model',
    replies: versionsReply,
    handle: async (app, { params }) => ({ body: await app.registry.versions(checkName(params.name ?? '')) }),
  }),
  route({
    method: 'GET',
    path: '/model/{name}/{version}',
    action: 'model.read',
    tag: 'Model Management',
    summary: 'A version without its bytes',
    replies: { 200: { description: 'The version', schema: ModelReply } },
    handle: async (app, request) => ({ body: await app.registry.get(...named(request)) }),
  }),
  route({
    method: 'PATCH',
    path: '/model/{name}/{version}',
    action: 'model.amend',
    tag: 'Model Management',
    summary: 'Change metadata or status; the bytes never change',
    body: {
      kind: 'json',
      schema: z.strictObject({
        metadata: FreeObject.optional(),
        status: z.enum(['active', 'experimental', 'deprecated']).optional(),
      }),
      example: { metadata: { description: 'digits, 8x8' } },
    },
    replies: { 200: { description: 'The version', schema: ModelReply } },
    async handle(app, request) {
      const { metadata, status } = request.body;
      const before = await app.registry.get(...named(request));
      const merged = metadata && parseMetadata(mergePatch(before.metadata, metadata));
      return {
        body: await app.registry.amend(before.modelName, before.modelVersion, {
          ...(merged && { metadata: merged }),
          ...(status && { status }),
        }),
      };
    },
  }),
  route({
    method: 'POST',
    path: '/model/{name}/{version}/reload',
    action: 'model.reload',
    tag: 'Model Management',
    summary: 'Load a version anew; ends its quarantine',
    replies: {
      200: {
        description: 'Loaded',
        schema: z.object({ modelName: z.string(), modelVersion: z.string(), digest: z.string(), loadMs: z.number() }),
      },
    },
    async handle(app, request) {
      const model = await app.registry.get(...named(request));
      const loadMs = await app.predictor.reload(model);
      const { modelName, modelVersion, digest } = model;
      return { body: { modelName, modelVersion, digest, loadMs } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/model/{name}/{version}',
    action: 'model.delete',
    tag: 'Model Management',
    summary: 'Delete a version; its name stays taken',
    replies: { 204: { description: 'Deleted' } },
    async handle(app, request) {
      const { modelName, modelVersion, uploadedBy } = await app.registry.get(...named(request));
      const { username, role } = request.caller;
      if (!isAtLeast(role, 'admin') && uploadedBy !== username) {
        throw new AppError(
          'FORBIDDEN',
          `A trainer may delete own uploads only; ${modelName}:${modelVersion} was uploaded by someone else.`,
        );
      }
      await app.registry.retire(modelName, modelVersion, username);
      return { status: 204 };
    },
  }),
];

/** Name and version of a path, checked. @throws AppError ID_INVALID */
export const named = ({ params }: Pick<ApiRequest, 'params'>): [string, string] => [
  checkName(params.name ?? ''),
  checkVersion(params.version ?? ''),
];
