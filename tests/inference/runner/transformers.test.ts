import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineInput, EngineModel } from '../../../src/inference/engine.ts';
import type { Tensor } from '../../../src/lib/tensor.ts';
import { modelsFolder, unzip } from '../../models/support.ts';
import { graph, node, onnxModel, tensor, value } from '../../support/onnx-writer.ts';
import { builtFile } from '../../support/runner-build.ts';
import { isAlive, type RunnerFixture, startRunners, until } from '../../support/runner-fixture.ts';
import { sequenceClassifier, textGenerator, words } from '../../support/tiny-hub.ts';
import type { TinyFiles } from '../../support/tiny-tensorflow.ts';

const GIB = 2 ** 30;
const soon = { timeoutMs: 20_000 };
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'answered',
    (error) => error.code ?? String(error),
  );
const ask = (features: unknown): EngineInput => ({ kind: 'features', features });

/** A classifier that adds up for 2^62 turns before it answers. */
const endless: TinyFiles = {
  ...sequenceClassifier(['A', 'B'], {}),
  'onnx/model.onnx': onnxModel({
    inputs: [value('input_ids', 'int64', ['batch', 'sequence'])],
    outputs: [value('logits', 'float32', [1, 2])],
    initializers: [
      tensor('trips', 'int64', [], [2n ** 62n]),
      tensor('always', 'bool', [], [1]),
      tensor('zero', 'float32', [1, 2], [0, 0]),
    ],
    nodes: [
      node('Loop', ['trips', 'always', 'zero'], ['logits'], {
        body: {
          g: graph({
            inputs: [value('turn', 'int64', []), value('go', 'bool', []), value('before', 'float32', [1, 2])],
            outputs: [value('goOn', 'bool', []), value('after', 'float32', [1, 2])],
            nodes: [node('Identity', ['go'], ['goOn']), node('Add', ['before', 'zero'], ['after'])],
          }),
        },
      }),
    ],
  }),
};

describe('a runner with Transformers.js', () => {
  let runners: RunnerFixture;
  let root: string;

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'hub-'));
    runners = await startRunners({
      entryPath: builtFile('src/inference/runner/main.ts'),
      settings: { memoryLimitBytes: 2 * GIB },
    });
  });
  afterAll(async () => {
    await runners.close();
    rmSync(root, { recursive: true, force: true });
  });

  function store(files: TinyFiles, more: Partial<EngineModel> = {}): EngineModel {
    const hash = createHash('sha256');
    for (const content of Object.values(files)) hash.update(content);
    const digest = hash.digest('hex');
    const directory = join(root, digest, 'files');
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
    const [entry = ''] = Object.keys(files);
    return { digest, directory, entry, framework: 'transformers', serves: 'production', runTimeoutMs: 20_000, ...more };
  }
  const sentiment = () => store(sequenceClassifier(['POSITIVE', 'NEGATIVE'], { good: [20, 0], bad: [0, 20] }));

  it('answers features with the pipeline’s own result, many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        runners.client.predict(sentiment(), ask({ text: i % 2 ? 'good' : 'bad' }), soon),
      ),
    );
    expect(answers.map(({ value }) => value)).toEqual(
      answers.map((_, i) => [{ label: i % 2 ? 'POSITIVE' : 'NEGATIVE', score: expect.closeTo(1, 5) }]),
    );
    for (const { outputs, confidence, timing } of answers) {
      expect(outputs).toEqual({});
      expect(confidence).toBeCloseTo(1, 5);
      expect(timing.runMs).toBeGreaterThan(0);
      expect(timing.queueMs).toBeGreaterThanOrEqual(0);
    }
    expect(await codeOf(runners.client.predict(sentiment(), ask({ text: 1 }), soon))).toBe('INVALID_INPUT');
    expect(await codeOf(runners.client.predict(sentiment(), { kind: 'texts', texts: ['good'] }, soon))).toBe(
      'INVALID_INPUT',
    );
  });

  it('is available there, with its version', async () => {
    expect((await runners.client.status()).backends.transformers).toMatchObject({
      available: true,
      runtime: 'native',
      version: '4.3.1',
    });
  });

  it('refuses at the gate and says what a package lacks, without a path of this machine', async () => {
    const files = sequenceClassifier(['A', 'B'], {});
    expect(await codeOf(runners.client.load(store({ ...files, 'onnx/model_q4.onnx': '<html>' })))).toMatch(/^MODEL_/);
    const { 'tokenizer.json': _, ...untokenized } = files;
    const error = await runners.client.load(store(untokenized)).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'MODEL_MANIFEST', message: expect.stringContaining('tokenizer.json') });
    expect((error as Error).message).not.toContain(root);
  });

  it('a caller who leaves frees the runner in the middle of a text', async () => {
    const row = (to: number) => words.map((_, id) => (id === to ? 1 : 0));
    // Every word is followed by itself, so that it would go on for 1,000 tokens.
    const model = store(textGenerator(Object.fromEntries(words.map((word, id) => [word, row(id)]))));
    await runners.client.load(model);
    await runners.client.load(sentiment());
    const leaving = new AbortController();
    const long = runners.client.predict(model, ask({ prompt: 'anna', max_new_tokens: 1024 }), {
      ...soon,
      signal: leaving.signal,
    });
    const others = Array.from({ length: 10 }, () =>
      runners.client.predict(model, ask({ prompt: 'anna', max_new_tokens: 1024 }), { ...soon, signal: leaving.signal }),
    );
    setTimeout(() => leaving.abort(new Error('left')), 50);
    await expect(long).rejects.toThrow('left');
    for (const other of others) await expect(other).rejects.toThrow('left');
    const asked = performance.now();
    const { value } = await runners.client.predict(model, ask({ prompt: 'anna', max_new_tokens: 2 }), soon);
    expect(value).toEqual([{ generated_text: 'anna anna anna' }]);
    // All eleven together would have taken seconds.
    expect(performance.now() - asked).toBeLessThan(1000);
    expect((await runners.client.status()).queues.inFlight).toBe(0);
  });

  it('an endless run is answered at its deadline, its runner killed, and others go on', {
    retry: 2,
    timeout: 40_000,
  }, async () => {
    const model = store(endless, { runTimeoutMs: 1500 });
    runners.supervisor.release(model.digest);
    await until(() => runners.pidOf('production') !== 0);
    await runners.client.load(sentiment());
    const pid = runners.pidOf('production');
    expect(await codeOf(runners.client.predict(model, ask({ text: 'good' }), { timeoutMs: 1500 }))).toBe(
      'INFERENCE_TIMEOUT',
    );
    await until(() => !isAlive(pid));
    expect(await codeOf(runners.client.predict(sentiment(), ask({ text: 'good' }), soon))).toBe('answered');
  });

  it('embeds texts as the ONNX backend does from the same files', async () => {
    const files = Object.fromEntries(await unzip(join(modelsFolder, 'bundles', 'all-minilm-l6-v2.zip')));
    const entry = 'onnx/model_quantized.onnx';
    const onnx = { ...store({ [entry]: '', ...files }), entry, framework: 'onnx' as const };
    const transformers = { ...onnx, framework: 'transformers' as const };
    const golden: { cases: readonly { text: string }[] } = JSON.parse(
      readFileSync(new URL('../../models/fixtures/minilm-golden.json', import.meta.url), 'utf8'),
    );
    const texts = golden.cases.map(({ text }) => text);
    const [a, b] = await Promise.all(
      [onnx, transformers].map((model) =>
        runners.client.predict(model, { kind: 'texts', texts }, { timeoutMs: 30_000 }),
      ),
    );
    expect((await runners.client.load(transformers)).text).toEqual((await runners.client.load(onnx)).text);
    expect(b?.promptTokens).toBe(a?.promptTokens);
    expect(b?.truncated).toEqual(a?.truncated);
    const [first, second] = [a, b].map((answer) => (answer?.outputs.embedding as Tensor).data as Float32Array);
    for (let row = 0; row < texts.length; row++) {
      let product = 0;
      for (let at = row * 384; at < (row + 1) * 384; at++) product += Number(first?.[at]) * Number(second?.[at]);
      expect(product).toBeGreaterThanOrEqual(0.9999);
    }
  }, 60_000);
});
