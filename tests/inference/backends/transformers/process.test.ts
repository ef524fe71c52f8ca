import { createRequire } from 'node:module';
import path from 'node:path';
import * as onnxruntime from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { OnnxBackend } from '../../../../src/inference/backends/onnx.ts';
import { startTransformers } from '../../../../src/inference/backends/transformers/library.ts';
import { TransformersBackend } from '../../../../src/inference/backends/transformers.ts';
import { sequenceClassifier, textGenerator } from '../../../support/tiny-hub.ts';
import { tinyOnnx } from '../../../support/tiny-onnx.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

it('weights are read by the runtime alone, never into memory of ours', async () => {
  // Four million zeros, 16 MB, which the graph does not need.
  const files = sequenceClassifier(['A', 'B'], { good: [9, 0] });
  const big = tinyOnnx({
    inputs: [{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] }],
    outputs: [{ name: 'logits', dtype: 'float32', shape: [2] }],
    nodes: [{ op: 'ReduceSum', inputs: ['weights', 'first'], outputs: ['logits'], attributes: { keepdims: 0 } }],
    initializers: [
      { name: 'weights', dtype: 'float32', shape: [2_000_000, 2], values: new Array<number>(4_000_000).fill(1) },
      { name: 'first', dtype: 'int64', shape: [1], values: [0] },
    ],
  });
  const own = await tinyPackage({ ...files, 'onnx/model.onnx': big });
  expect(big.byteLength).toBeGreaterThan(16e6);
  const before = process.memoryUsage().arrayBuffers;
  const model = await new TransformersBackend().load(own, {});
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8e6);
  await model.dispose();
});

it('the runtime is one: the same library, loaded once, of the same version as the ONNX backend', async () => {
  const { env } = await startTransformers(false);
  const model = await new TransformersBackend().load(await tinyPackage(textGenerator({})), {});
  const version = (await new OnnxBackend().availability()).version;
  expect(env.backends.onnx.versions?.node).toBe(version);
  expect(onnxruntime.env.versions.node).toBe(version);
  const [ours, theirs] = [import.meta.url, import.meta.resolve('@huggingface/transformers')].map((from) =>
    createRequire(from).resolve('onnxruntime-node'),
  );
  expect(theirs).toBe(ours);
  const { sharedObjects } = process.report.getReport() as unknown as { readonly sharedObjects: readonly string[] };
  const loaded = sharedObjects.filter((file) => path.basename(file).startsWith('onnxruntime_binding'));
  expect(new Set(loaded).size).toBe(1);
  await model.dispose();
});
