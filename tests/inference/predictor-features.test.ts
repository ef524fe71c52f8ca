import { describe, expect, it } from 'vitest';
import { describe as describeModel, embedsTexts } from '../../src/inference/predictor.ts';
import { refusal } from '../support/codes.ts';
import { localPackage, model, textModel } from '../support/models.ts';
import { asked, noTime, predictorOf } from '../support/predictor.ts';

describe('a model that reads features itself', () => {
  const asking = (own: Partial<ReturnType<typeof model>> = {}) =>
    model({
      framework: 'ollama',
      inputSchema: { inputs: [{ name: 'prompt', type: 'string' }] },
      outputSchema: { outputs: [{ name: 'response', type: 'string' }] },
      ...own,
    });
  const said = { outputs: {}, value: { response: 'hi' }, timing: noTime, promptTokens: 3, completionTokens: 0 };

  it('gets them as they came, with what the caller chose', async () => {
    const parts = predictorOf(said);
    const options = { normalize: false, generation: { seed: 7 } };
    const answer = await parts.predictor.predict(asking(), { prompt: 'a' }, options);
    expect(asked(parts)[1]).toEqual({ kind: 'features', features: { prompt: 'a' }, ...options });
    expect(answer).toMatchObject({ prediction: { response: 'hi' }, promptTokens: 3, completionTokens: 0 });
    expect(answer).not.toHaveProperty('vectors');
    const plain = predictorOf(said);
    await plain.predictor.predict(asking({ framework: 'transformers' }), 'a');
    expect(asked(plain)[1]).toEqual({ kind: 'features', features: 'a' });
  });

  it('hears who waits, and how', async () => {
    const parts = predictorOf(said);
    const { signal } = new AbortController();
    const onDelta = () => {};
    await parts.predictor.predict(asking(), 'a', {}, { signal, onDelta });
    expect(asked(parts)[2]).toEqual({ timeoutMs: 30_000, signal, onDelta });
  });

  it('gives vectors beside the prediction where it embeds texts', async () => {
    const embedding = { dtype: 'float32' as const, shape: [1, 3], data: Float32Array.of(1, 2, 3) };
    const { predictor } = predictorOf({ outputs: { embedding }, timing: noTime });
    const { vectors } = await predictor.predict(asking(), { texts: ['a'] });
    expect(vectors).toEqual({ data: embedding.data, dimension: 3 });
  });

  it.each([
    ['a tensor model', model(), { generation: { temperature: 1 } }, {}, ['options.temperature']],
    ['a tensor model', model(), {}, { onDelta: () => {} }, ['options.stream']],
    [
      'a pipeline, which answers whole',
      asking({ framework: 'transformers' }),
      { generation: { temperature: 1 } },
      { onDelta: () => {} },
      ['options.stream'],
    ],
    ['a text encoder', textModel(), { generation: { seed: 1, top_k: undefined } }, {}, ['options.seed']],
  ])('alone heeds what is for generators: not %s', async (_name, asked_, options, waiting, paths) => {
    const parts = predictorOf(said);
    const features = asked_.framework === 'onnx' && !asked_.info ? { x: [1, 2] } : { texts: ['a'] };
    const error = await refusal(() => parts.predictor.predict(asked_, features, options, waiting));
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.violations.map(({ path }) => path)).toEqual(paths);
    expect(error.message).toContain(paths[0]);
    expect(parts.engine.predict).not.toHaveBeenCalled();
  });

  it('is told its task, which others have no use for', () => {
    const metadata = { taskType: 'fill-mask' };
    const taskOf = (framework: string) => describeModel(localPackage, framework, metadata, 'production', 5).taskType;
    expect(['transformers', 'ollama', 'onnx', 'tensorflow'].map(taskOf)).toEqual([
      'fill-mask',
      'fill-mask',
      undefined,
      undefined,
    ]);
    expect(describeModel(localPackage, 'ollama', {}, 'production', 5)).not.toHaveProperty('taskType');
  });

  it('embeds texts when its schema says so, and any model does that has a tokenizer', () => {
    const embedding = { name: 'embedding', dtype: 'float32' as const, shape: [-1, 2] };
    const outputSchema = { outputs: [embedding] };
    expect(embedsTexts(textModel())).toBe(true);
    expect(embedsTexts(asking({ outputSchema }))).toBe(true);
    expect(embedsTexts(asking({ framework: 'transformers', outputSchema }))).toBe(true);
    expect(embedsTexts(model({ outputSchema }))).toBe(false);
    expect(embedsTexts(asking())).toBe(false);
    expect(embedsTexts(asking({ outputSchema: { outputs: [{ ...embedding, name: 'other' }] } }))).toBe(false);
    expect(embedsTexts(asking({ outputSchema: { outputs: [{ name: 'embedding', type: 'array' }] } }))).toBe(false);
  });
});
