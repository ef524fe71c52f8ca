import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Reply, request } from '../durability/api.ts';
import { tableModel } from '../durability/model-bytes.ts';
import { projectRoot } from '../harper/project-root.ts';
import type { Known } from './known.ts';

const texts = { texts: ['a trail running shoe', 'a warm winter jacket'] };

/** Models that stand in production, where nothing that is sent can delete them, with what to ask them. */
const standing = [
  {
    modelName: 'digits-onnx',
    framework: 'onnx',
    file: 'digits-onnx.onnx',
    features: { pixels: [new Array(64).fill(8)] },
  },
  {
    modelName: 'digits-tensorflow',
    framework: 'tensorflow',
    file: 'digits-tensorflow.zip',
    features: [new Array(64).fill(8)],
  },
  { modelName: 'all-minilm-l6-v2', framework: 'onnx', file: 'all-minilm-l6-v2.zip', features: texts },
] as const;

interface Login {
  readonly url: string;
  /** The admin's value of the Authorization header. */
  readonly authorization: string;
}

const generated = [
  { modelName: 'fuzz-chat', mode: 'chat', features: { messages: [{ role: 'user', content: 'say a few words' }] } },
  { modelName: 'fuzz-generate', mode: 'generate', features: { prompt: 'say a few words' } },
  { modelName: 'fuzz-embeddings', mode: 'embeddings', features: texts },
] as const;

/**
 * Registers the models and makes the events that requests are about. May be called again on the same server.
 *
 * @param predictor    login of a predictor, who then asked for some of the events.
 * @param hasUpstream  whether the server reaches the one of `startUpstream` as its Ollama.
 */
export async function prepare(admin: Login, predictor?: Login, hasUpstream = false): Promise<Known> {
  for (const { modelName, framework, file } of standing) {
    const bytes = await readFile(join(projectRoot, 'models', 'bundles', file));
    const form = new FormData();
    const labels = Array.from({ length: 10 }, (_, digit) => String(digit));
    const metadata = modelName.startsWith('digits')
      ? { taskType: 'classification', labels }
      : { taskType: 'text-embedding' };
    const fields = {
      modelName,
      modelVersion: 'v1',
      framework,
      stage: 'production',
      metadata: JSON.stringify(metadata),
    };
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob([bytes]), file);
    good(await request(admin, 'POST', '/model/upload', form));
  }
  for (const { modelName, mode } of hasUpstream ? generated : []) {
    const modelBlob = JSON.stringify({ modelName: 'fuzz', mode });
    const body = { modelName, modelVersion: 'v1', framework: 'ollama', stage: 'production', modelBlob };
    good(await request(admin, 'POST', '/Model', body));
  }
  const eventIds: string[] = [];
  for (let count = 0; count < 20; count++) {
    const asker = count % 2 === 0 ? admin : (predictor ?? admin);
    const { modelName, features } = standing[count % 2] ?? standing[0];
    const question = { modelName, features, requestId: `fuzz-${count}` };
    eventIds.push(String(good(await request(asker, 'POST', '/predict', question)).json.inferenceId));
  }
  return {
    models: [
      ...standing.map(({ modelName, features }) => ({ modelName, features })),
      ...(hasUpstream ? generated : []).map(({ modelName, mode, features }) => ({
        modelName,
        features,
        writes: mode !== 'embeddings',
      })),
    ],
    eventIds,
    modelBytes: tableModel(2, 1).bytes,
  };
}

function good(reply: Reply): Reply {
  if (reply.status < 300) return reply;
  throw new Error(
    `The server to fuzz does not take what it should: ${reply.status} ${reply.bytes.toString().slice(0, 500)}`,
  );
}
