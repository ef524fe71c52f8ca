import { Readable } from 'node:stream';
import { z } from 'zod';
import type { App } from '../../app/create-app.ts';
import { AppError } from '../../errors.ts';
import type { ReceivedFile } from '../../lib/receive-file.ts';
import type { Model } from '../../registry/model.ts';
import type { Registration } from '../../registry/new-model-row.ts';
import { readForm } from '../edge/read-form.ts';
import { type Reply, type Route, route } from '../edge/route.ts';
import { ModelForm, registrationOf } from '../model-form.ts';
import { ModelReply, named } from './models.ts';

const maxJsonBytes = 64 * 2 ** 20;

const replies = {
  201: { description: 'Registered', schema: ModelReply },
  200: { description: 'The same bytes were there already', schema: ModelReply },
};

const BlobQuery = z.strictObject({ framework: z.string().max(64).optional(), stage: z.string().max(32).optional() });
const JsonModel = z.object({
  ...ModelForm.shape,
  modelBlob: z.string().min(1).describe('The bytes in base64; for framework ollama the JSON text itself will do'),
});

const registerJson = (path: string) =>
  route({
    method: 'POST',
    path,
    action: 'model.register',
    tag: 'Model Management',
    summary: 'Register a version from JSON with base64 bytes',
    body: {
      kind: 'json',
      schema: JsonModel,
      maxBytes: maxJsonBytes,
      example: {
        modelName: 'tiny',
        modelVersion: 'v1',
        framework: 'onnx',
        stage: 'development',
        modelBlob: '{{modelBlob}}',
      },
    },
    replies,
    async handle(app, { body, caller, aliases }) {
      const { modelBlob, ...fields } = body;
      const { registration } = registrationOf(fields, caller);
      const bytes = isPlainJson(registration, modelBlob) ? Buffer.from(modelBlob) : base64Bytes(modelBlob);
      const file = await app.packages.receive(Readable.from([bytes]));
      return registered(await app.registry.register(registration, file, caller.username), aliases);
    },
  });

export const modelUploadRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/model/upload',
    action: 'model.register',
    tag: 'Model Management',
    summary: 'Register a version from a form with a file, streamed',
    body: {
      kind: 'raw',
      contentTypes: ['multipart/form-data'],
      description:
        'modelName, modelVersion, framework, file, and optionally inputSchema, outputSchema, metadata, stage',
    },
    replies,
    async handle(app, { incoming, caller }) {
      refuseBySize(app, incoming.headers['content-length']);
      const { fields, file } = await readForm(
        incoming,
        (bytes) => app.packages.receive(bytes),
        ({ path }) => app.discard(path),
      );
      const { registration, aliases } = await orDiscard(app, file, async () => registrationOf(fields, caller));
      return registered(await app.registry.register(registration, file, caller.username), aliases);
    },
  }),
  registerJson('/model'),
  registerJson('/Model/'),
  route({
    method: 'PUT',
    path: '/model/{name}/{version}/blob',
    action: 'model.register',
    tag: 'Model Management',
    summary: 'Register a version from its raw bytes, streamed',
    query: BlobQuery,
    body: {
      kind: 'raw',
      contentTypes: ['application/octet-stream'],
      description: 'The bytes; framework and stage in the query or in x-model-* headers',
    },
    replies,
    async handle(app, request) {
      const { headers, incoming, caller, query } = request;
      const [modelName, modelVersion] = named(request);
      refuseBySize(app, headers['content-length']);
      const header = (name: string) => headers[`x-model-${name}`]?.toString();
      const known = await knownVersion(app, modelName, modelVersion);
      const fields = {
        modelName,
        modelVersion,
        framework: query.framework ?? header('framework') ?? known?.framework,
        stage: query.stage ?? header('stage') ?? known?.stage,
        metadata: header('metadata') ?? known?.metadata,
        inputSchema: header('input-schema'),
        outputSchema: header('output-schema'),
      };
      const { registration } = registrationOf(fields, caller, sha256Of(headers['x-content-sha256']?.toString()));
      const file = await app.packages.receive(incoming);
      return registered(await app.registry.register(registration, file, caller.username), {});
    },
  }),
];

/** An existing version needs no more than its bytes to be told apart. */
const knownVersion = (app: App, modelName: string, modelVersion: string): Promise<Model | undefined> =>
  app.registry.get(modelName, modelVersion).catch(() => undefined);

/** Refuses a body by its announced length, before reading it; forms carry a little more than the model. */
function refuseBySize(app: App, contentLength: string | undefined): void {
  if (Number(contentLength ?? 0) > app.config.MAX_MODEL_BYTES + 2 ** 21) throw app.packages.tooLarge();
}

async function orDiscard<T>(app: App, file: ReceivedFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await app.discard(file.path);
    throw error;
  }
}

/** What describes an Ollama model is text already. */
const isPlainJson = ({ framework }: Registration, blob: string): boolean =>
  framework.toLowerCase() === 'ollama' && /^\s*\{/.test(blob);

function base64Bytes(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    const message = 'expected base64 with padding (RFC 4648)';
    throw new AppError('INVALID_INPUT', `modelBlob: ${message}.`, { violations: [{ path: 'modelBlob', message }] });
  }
  return Buffer.from(text, 'base64');
}

function sha256Of(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const digest = text.replace(/^sha-?256[:=]/i, '');
  if (/^[0-9a-f]{64}$/i.test(digest)) return digest;
  const message = 'expected 64 hexadecimal digits';
  throw new AppError('INVALID_INPUT', `x-content-sha256: ${message}.`, {
    violations: [{ path: 'x-content-sha256', message }],
  });
}

function registered(
  { model, created }: { model: Model; created: boolean },
  aliases: Readonly<Record<string, string>>,
): Reply {
  const echoed = Object.entries(aliases).map(([alias, canonical]) => [alias, model[canonical as keyof Model]]);
  return { status: created ? 201 : 200, body: { ...model, ...Object.fromEntries(echoed) } };
}
