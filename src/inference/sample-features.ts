import { type Dtype, elementCount, type TensorSpec } from '../lib/tensor.ts';
import { isTensorSpec, type Model } from '../registry/model.ts';

/** Larger inputs are not made up. */
const maxElements = 1_000_000;
const text = 'a light shoe for muddy trails';

/** What a field of features is asked with, by its name, where a model reads features itself. */
const fieldSamples: Readonly<Record<string, unknown>> = {
  texts: [text],
  text,
  prompt: text,
  messages: [{ role: 'user', content: text }],
};

/**
 * A small real input of a model: `metadata.example` where there is one, in the form in which a caller would send it,
 * else one text, or tensors made from the schema with 1 for every free dimension.
 *
 * @returns undefined where the model's inputs cannot be made up.
 */
export function sampleFeatures({ metadata, info, inputSchema }: Model): unknown {
  if (metadata.example !== undefined) return metadata.example;
  if (info) return { texts: [text] };
  const tensors = inputSchema.inputs.filter(isTensorSpec);
  if (tensors.length === inputSchema.inputs.length) return tensors.length === 0 ? undefined : sampleTensors(tensors);
  const field = inputSchema.inputs.find(({ name }) => Object.hasOwn(fieldSamples, name));
  return field && { [field.name]: fieldSamples[field.name] };
}

function sampleTensors(specs: readonly TensorSpec[]): unknown {
  const wanted = specs
    .filter(({ optional }) => !optional)
    .map(({ name, dtype, shape }) => ({ name, dtype, shape: shape.map((size) => (size === -1 ? 1 : size)) }));
  const total = wanted.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (total > maxElements) return undefined;
  return Object.fromEntries(
    wanted.map(({ name, dtype, shape }) => {
      const data = new Array(elementCount(shape)).fill(elementOf(dtype));
      return [name, { dtype, shape, data }];
    }),
  );
}

/** One as an id, a mask and a length is harmless; a half is inside most ranges of measurements and pixels. */
function elementOf(dtype: Dtype): unknown {
  if (dtype === 'string') return text;
  if (dtype === 'bool') return true;
  return dtype.startsWith('float') ? 0.5 : 1;
}
