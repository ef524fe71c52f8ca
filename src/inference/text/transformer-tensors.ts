import { AppError } from '../../errors.ts';
import type { Tensor, TensorMap, TensorSpec } from '../../lib/tensor.ts';
import type { TokenizedText } from './text-encoder.ts';

const textInputs = ['input_ids', 'attention_mask', 'token_type_ids'];
/** Outputs that are one vector a text already, and those that are one a token, best first. */
const sentenceOutputs = ['sentence_embedding', 'sentence_embeddings', 'embedding', 'embeddings'];
const poolerOutputs = ['pooler_output', 'pooled_output'];
const classScores = /logit|score|prob|label/i;
const tokenOutputs = ['last_hidden_state', 'token_embeddings'];

/** The output that holds vectors: of texts where the model pools itself, else of tokens; undefined for a classifier. */
export function vectorOutput(outputs: readonly TensorSpec[]): TensorSpec | undefined {
  const floats = outputs.filter(({ dtype }) => dtype === 'float32');
  const named = (names: readonly string[], rank: number) =>
    names.flatMap((name) => floats.find((output) => output.name === name && output.shape.length === rank) ?? [])[0];
  const only = floats.length === 1 ? floats[0] : undefined;
  const isVector = only && (only.shape.length === 3 || (only.shape.length === 2 && !classScores.test(only.name)));
  // A pooler was trained for another task than similarity, so token vectors go before it.
  return (
    named(sentenceOutputs, 2) ?? named(tokenOutputs, 3) ?? named(poolerOutputs, 2) ?? (isVector ? only : undefined)
  );
}

/** The most tokens that a model's inputs hold: some are exported with one fixed length. */
export function inputWidth(inputs: readonly TensorSpec[]): number {
  const width = inputs.find(({ name }) => name === 'input_ids')?.shape[1] ?? -1;
  return width > 0 ? width : Number.POSITIVE_INFINITY;
}

/** @throws AppError MODEL_MANIFEST for inputs that no tokenizer fills */
export function checkTextInputs(inputs: readonly TensorSpec[]): void {
  const strange = inputs.find(({ name, optional }) => !optional && !textInputs.includes(name));
  if (strange) {
    const message = `Expected a text encoder that takes only ${textInputs.join(', ')}, but this one also needs "${strange.name}"; export the encoder alone, without a decoder or its cache`;
    throw new AppError('MODEL_MANIFEST', message);
  }
  const wide = inputs.find(({ dtype }) => dtype !== 'int64' && dtype !== 'int32');
  if (wide) {
    throw new AppError(
      'MODEL_MANIFEST',
      `Expected token inputs of int64 or int32, but "${wide.name}" is ${wide.dtype}; export the encoder again`,
    );
  }
}

/** The inputs that a model declares, padded to the longest text of the batch and no further. */
export function tokenBatch(inputs: readonly TensorSpec[], units: readonly TokenizedText[], padId: number): TensorMap {
  const longest = units.reduce((most, { length }) => Math.max(most, length), 0);
  const batch: Record<string, Tensor> = {};
  for (const { name, dtype, shape: declared } of inputs) {
    if (!textInputs.includes(name)) continue;
    // A model exported with one fixed length takes no other.
    const width = (declared[1] ?? -1) > 0 ? (declared[1] as number) : longest;
    const shape = [units.length, width];
    const data = dtype === 'int64' ? new BigInt64Array(units.length * width) : new Int32Array(units.length * width);
    const write = (index: number, value: number) => {
      if (data instanceof BigInt64Array) data[index] = BigInt(value);
      else data[index] = value;
    };
    for (const [row, { ids, length }] of units.entries()) {
      for (let token = 0; token < width; token++) {
        const isText = token < length;
        if (name === 'input_ids') write(row * width + token, isText ? (ids[token] as number) : padId);
        else if (name === 'attention_mask' && isText) write(row * width + token, 1);
      }
    }
    batch[name] = { dtype, shape, data };
  }
  return batch;
}
