import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTransformers } from '../../../../src/inference/backends/transformers/library.ts';
import { tasks } from '../../../../src/inference/backends/transformers/tasks.ts';
import { TransformersBackend } from '../../../../src/inference/backends/transformers.ts';
import { answerFinder, imageClassifier, sequenceClassifier } from '../../../support/tiny-hub.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

const signal = new AbortController().signal;
const hubModel = sequenceClassifier(['A', 'B'], {})['onnx/model.onnx'];

describe('the network', () => {
  let hub: Server;
  let asked: string[];
  let address: string;

  beforeAll(async () => {
    hub = createServer((request, reply) => {
      asked.push(request.url ?? '');
      const offered = request.url?.endsWith('/config.json') ? '{"model_type":"bert"}' : hubModel;
      if (request.url?.startsWith('/somebody/offered/')) reply.writeHead(200).end(offered);
      else reply.writeHead(404).end();
    });
    await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(hub.address() as AddressInfo).port}/`;
  });
  beforeEach(async () => {
    asked = [];
    (await startTransformers(false)).env.remoteHost = address;
  });
  afterAll(async () => {
    const { env } = await startTransformers(false);
    env.remoteHost = 'https://huggingface.co/';
    hub.close();
  });

  it.each([false, true])(
    'is not asked for what a package lacks, nor for features (hub allowed: %s)',
    async (allowed) => {
      const backend = new TransformersBackend({ allowRemoteModels: allowed });
      const files = sequenceClassifier(['A', 'B'], {});
      for (const missing of ['tokenizer.json', 'tokenizer_config.json']) {
        const rest = Object.fromEntries(Object.entries(files).filter(([name]) => name !== missing));
        await expect(backend.load(await tinyPackage(rest), {})).rejects.toMatchObject({
          code: 'MODEL_MANIFEST',
          message: expect.stringContaining(missing),
        });
      }
      // A package may not send the library elsewhere for its weights either.
      const config = JSON.parse(files['config.json'] as string);
      const elsewhere = {
        ...config,
        _name_or_path: `${address}other`,
        'transformers.js_config': { use_external_data_format: 3, dtype: 'fp16', device: 'webgpu' },
      };
      const model = await backend.load(await tinyPackage({ ...files, 'config.json': JSON.stringify(elsewhere) }), {});
      expect((await model.ask?.({ text: 'good' }, { signal }))?.value).toHaveLength(1);
      await model.dispose();
      const images = await backend.load(await tinyPackage(imageClassifier(['A', 'B'], [0, 0, 0, 0, 0, 0])), {});
      for (const image of [`${address}cat.png`, new URL(address).host]) {
        await expect(images.ask?.({ image }, { signal })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
      }
      await images.dispose();
      expect(asked).toEqual([]);
    },
  );

  it('is refused to the library in words of ours, and what it may fetch is kept nowhere', async () => {
    const { env } = await startTransformers(false);
    await expect(env.fetch(`${address}model`)).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      message: expect.stringContaining('ALLOW_REMOTE_MODELS=true'),
    });
    for (const allowed of [false, true]) {
      const { env: own } = await startTransformers(allowed);
      expect(own).toMatchObject({ allowLocalModels: true, allowRemoteModels: allowed });
      expect([own.useFSCache, own.useBrowserCache, own.useWasmCache, own.cacheDir]).toEqual([
        false,
        false,
        false,
        null,
      ]);
    }
  });

  it('is there for the library itself only when that is allowed', async () => {
    const load = async (allowed: boolean) => {
      const { AutoConfig } = await startTransformers(allowed);
      return AutoConfig.from_pretrained('somebody/something').then(
        () => expect.fail('the hub has no such model'),
        () => asked.length,
      );
    };
    expect(await load(false)).toBe(0);
    expect(await load(true)).toBeGreaterThan(0);
    asked = [];
    expect(await load(false)).toBe(0);
  });

  it('never brings weights, which have not passed the gate', async () => {
    const { AutoModel } = await startTransformers(true);
    await expect(AutoModel.from_pretrained('somebody/offered', { dtype: 'fp32' })).rejects.toThrow('model file');
    expect(asked).toContain('/somebody/offered/resolve/main/onnx/model.onnx');
  });
});

it('files beside a package are out of reach', async () => {
  const files = answerFinder({}, {});
  const own = await tinyPackage(files);
  const other = await tinyPackage(files);
  const entry = path.posix.join('..', path.basename(other.directory), 'onnx', 'model.onnx');
  const loading = new TransformersBackend().load({ ...own, entry }, {});
  await expect(loading).rejects.toMatchObject({ code: 'MODEL_LOAD_FAILED' });
});

it('there is a rule for every pipeline of the library, and for no other', async () => {
  const library = await startTransformers(false);
  const make = library.pipeline as unknown as (task: string) => Promise<never>;
  const message = await make('no such task').catch((error: Error) => error.message);
  const names = /one of \[(.+)\]/.exec(message)?.[1]?.split(/,\s*/) ?? [];
  expect(Object.keys(tasks).sort()).toEqual(names.sort());
});
