import { describe, expect, it } from 'vitest';
import { sampleFeatures } from '../../src/inference/sample-features.ts';
import { featuresToTensors } from '../../src/inference/tensor-json/features-to-tensors.ts';
import { dtypes, type TensorSpec } from '../../src/lib/tensor.ts';
import { model, textModel } from '../support/models.ts';

const withInputs = (...inputs: TensorSpec[]) => model({ inputSchema: { inputs } });

describe('a small input of a model', () => {
  it.each(dtypes)('of %s is one that its schema takes', (dtype) => {
    const inputs = [{ name: 'x', dtype, shape: [-1, 3] }] as const;
    const { x } = featuresToTensors(sampleFeatures(withInputs(...inputs)), inputs);
    expect(x).toMatchObject({ dtype, shape: [1, 3] });
    expect(x?.data).toHaveLength(3);
  });

  it('leaves out what the model can do without', () => {
    const features = sampleFeatures(
      withInputs(
        { name: 'x', dtype: 'float32', shape: [] },
        { name: 'bias', dtype: 'float32', shape: [1], optional: true },
      ),
    );
    expect(features).toEqual({ x: { dtype: 'float32', shape: [], data: [0.5] } });
  });

  it('is the example of its metadata where there is one', () => {
    const metadata = { example: { x: [[1, 2]] } };
    expect(sampleFeatures(model({ metadata }))).toEqual({ x: [[1, 2]] });
    expect(sampleFeatures(textModel({ metadata: { example: 'words' } }))).toBe('words');
  });

  it('is a text for a text model, and what its fields are called for one that reads features', () => {
    expect(sampleFeatures(textModel())).toEqual({ texts: [expect.any(String)] });
    const reading = (name: string) => model({ inputSchema: { inputs: [{ name, type: 'array' }] } });
    expect(sampleFeatures(reading('messages'))).toEqual({ messages: [{ role: 'user', content: expect.any(String) }] });
    expect(sampleFeatures(reading('prompt'))).toEqual({ prompt: expect.any(String) });
    expect(sampleFeatures(reading('image'))).toBeUndefined();
  });

  it('is not made up where it would be huge or has no inputs', () => {
    expect(sampleFeatures(withInputs({ name: 'x', dtype: 'float32', shape: [-1, 1000, 1001] }))).toBeUndefined();
    expect(sampleFeatures(withInputs())).toBeUndefined();
  });
});
