import { describe, expect, it } from 'vitest';
import { Embeddings } from '../../../src/inference/tasks/embedding.ts';
import { interpret } from '../../../src/inference/tasks/interpret.ts';
import { regress } from '../../../src/inference/tasks/regression.ts';
import { jsonBody } from '../../../src/resources/edge/json-body.ts';
import { codeOf } from '../../support/codes.ts';

const float = (shape: readonly number[], values: readonly number[]) => ({
  dtype: 'float32' as const,
  shape,
  data: Float32Array.from(values),
});
const ids = { dtype: 'int64' as const, shape: [2], data: BigInt64Array.of(1n, 2n ** 60n) };

describe('regression', () => {
  it('reads one number a row', () => {
    expect(interpret({ taskType: 'regression' }, { outputs: { y: float([1, 1], [2.5]) } }, false)).toEqual({
      prediction: { value: 2.5 },
      confidence: null,
    });
    expect(interpret({ taskType: 'regression' }, { outputs: { y: float([], [2.5]) } }, false).prediction).toEqual({
      value: 2.5,
    });
    expect(
      interpret({ taskType: 'regression' }, { outputs: { y: float([3, 1], [1, 2, 3]) } }, false).prediction,
    ).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
    expect(interpret({ taskType: 'regression' }, { outputs: { y: float([0, 1], []) } }, false).prediction).toEqual([]);
  });

  it('takes the first float output, or the named one', () => {
    const outputs = { ids, a: float([1], [1]), b: float([1], [2]) };
    expect(regress(outputs)).toEqual([{ value: 1 }]);
    expect(interpret({ taskType: 'regression', outputName: 'b' }, { outputs }, false).prediction).toEqual({ value: 2 });
    for (const name of ['ids', 'none']) expect(codeOf(() => regress(outputs, name))).toBe('BACKEND_FAILED');
    expect(codeOf(() => regress({ ids }))).toBe('BACKEND_FAILED');
  });
});

describe('without a task', () => {
  it.each([{}, { taskType: 'text-embedding' }, { taskType: 'something-else' }])(
    'every output is the prediction: %j',
    (metadata) => {
      expect(interpret(metadata, { outputs: { ids, y: float([1, 2], [1, Number.NaN]) } }, false)).toEqual({
        prediction: {
          ids: { dtype: 'int64', shape: [2], data: [1, '1152921504606846976'] },
          y: { dtype: 'float32', shape: [1, 2], data: [1, 'NaN'] },
        },
        confidence: null,
      });
    },
  );
});

describe('what a model read by itself', () => {
  it('is the prediction as it came', () =>
    expect(interpret({ taskType: 'chat' }, { outputs: {}, value: { response: 'hi' } }, true)).toEqual({
      prediction: { response: 'hi' },
      confidence: null,
    }));
});

describe('embeddings', () => {
  const vectors = float([2, 3], [0.5, -0.25, 3, 0, 1, 2]);

  it('are all vectors, and the first', () => {
    const { prediction, confidence } = interpret(
      { taskType: 'classification' },
      { outputs: { embedding: vectors } },
      true,
    );
    expect(confidence).toBeNull();
    expect(prediction).toBeInstanceOf(Embeddings);
    expect((prediction as Embeddings).embeddings).toEqual([
      [0.5, -0.25, 3],
      [0, 1, 2],
    ]);
    expect((prediction as Embeddings).embedding).toEqual([0.5, -0.25, 3]);
  });

  it('an output that happens to be called embedding is none', () =>
    expect(interpret({}, { outputs: { embedding: vectors } }, false).prediction).toEqual({
      embedding: { dtype: 'float32', shape: [2, 3], data: [0.5, -0.25, 3, 0, 1, 2] },
    }));

  it.each([
    ['two texts', vectors],
    ['one text', float([1, 4], [1e-8, -1, 0.1, 0])],
    ['no text', float([0, 3], [])],
    ['no dimension', float([0, 0], [])],
  ])('have one JSON, fast or slow, for %s', (_what, tensor) => {
    const embeddings = new Embeddings(tensor);
    const read = JSON.parse(embeddings.toJsonBytes().toString());
    expect(read).toEqual({ embeddings: embeddings.embeddings, embedding: embeddings.embedding });
    expect(JSON.parse(JSON.stringify(embeddings))).toEqual(read);
    expect(JSON.parse(jsonBody({ id: 'x', prediction: embeddings, gone: undefined }).toString())).toEqual({
      id: 'x',
      prediction: read,
    });
    expect(Float32Array.from(read.embeddings.flat())).toEqual(tensor.data);
  });
});

describe('a classification', () => {
  const outputs = { a: float([1, 2], [0.2, 0.8]), b: float([1, 2], [0.9, 0.1]) };

  it('is of the output that the metadata names', () => {
    const indexOf = (outputName?: string) => {
      const metadata = { taskType: 'classification', ...(outputName !== undefined && { outputName }) };
      return (interpret(metadata, { outputs }, false).prediction as { index: number }).index;
    };
    expect([indexOf(), indexOf('a'), indexOf('b')]).toEqual([1, 1, 0]);
  });

  it('takes numbers for what the metadata calls them', () => {
    const confidenceOf = (outputActivation: 'logits' | 'probabilities') =>
      interpret({ taskType: 'classification', outputActivation }, { outputs: { a: outputs.a } }, false).confidence;
    expect(confidenceOf('probabilities')).toBeCloseTo(0.8, 6);
    // 1 / (1 + e^-0.6)
    expect(confidenceOf('logits')).toBeCloseTo(0.645656, 5);
  });

  it('has the confidence of a single row, and none of many', () => {
    const of = (tensor: ReturnType<typeof float>) =>
      interpret({ taskType: 'classification', outputActivation: 'probabilities' }, { outputs: { y: tensor } }, false);
    expect(of(float([1, 2], [0.25, 0.75]))).toMatchObject({ prediction: { index: 1 }, confidence: 0.75 });
    expect(of(float([2, 2], [0.25, 0.75, 1, 0]))).toMatchObject({
      prediction: [{ index: 1 }, { index: 0 }],
      confidence: null,
    });
    expect(of(float([0, 2], []))).toEqual({ prediction: [], confidence: null });
  });
});

it('a score that a model gives itself is the confidence', () => {
  const said = { outputs: {}, value: [{ label: 'A', score: 0.5 }], confidence: 0.5 };
  expect(interpret({}, said, true)).toEqual({ prediction: said.value, confidence: 0.5 });
});
