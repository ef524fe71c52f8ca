import { AppError } from '../../../errors.ts';
import type { TensorSpec } from '../../../lib/tensor.ts';

const outOfMemory =
  /Aborted\(OOM\)|enlarge memory|allocation failed|out of memory|invalid (typed )?array length|memory access out of bounds/i;
const notInRuntime = /not registered for backend|not (yet )?(supported|implemented)|unsupported|not found for backend/i;
const shapesAtOdds = /shape|rank|dimension|broadcast|must match|inner dims|expected .* to have/i;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether a slower runtime, which knows more kernels, may succeed where this failed. */
export const mayRunElsewhere = (error: unknown): boolean => notInRuntime.test(textOf(error));

export function loadFailure(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const text = textOf(cause);
  if (outOfMemory.test(text)) {
    return new AppError(
      'MODEL_RESOURCE',
      'The model needs more memory than this process may take to load; use a smaller or quantised one',
      { cause },
    );
  }
  const operator =
    /Unknown op '([\w.]{1,80})'|Unknown layer: ([\w.]{0,79}\w)|Node type ([\w.]{1,80}) is not implemented/.exec(text);
  if (operator) {
    const name = operator.slice(1).find(Boolean);
    return new AppError(
      'MODEL_OP_UNSUPPORTED',
      `Expected operations that TensorFlow.js knows, came ${name}; replace it before converting`,
      { cause },
    );
  }
  return new AppError(
    'MODEL_LOAD_FAILED',
    'Expected a TensorFlow.js graph or layers model whose weights match its topology, but it was refused; convert it again',
    { cause },
  );
}

/**
 * What a run threw: the caller's input where that is the reason, the model otherwise.
 *
 * @param hasEmpty  whether an input of the run had no elements, which most kernels cannot take.
 */
export function runFailure(cause: unknown, inputs: readonly TensorSpec[], hasEmpty = false): AppError {
  if (cause instanceof AppError) return cause;
  const text = textOf(cause);
  if (outOfMemory.test(text)) {
    return new AppError(
      'MODEL_RESOURCE',
      'The model needs more memory than this process may take for these inputs; send smaller ones',
      { cause },
    );
  }
  if (/The dtype of dict\[/.test(text)) {
    return new AppError(
      'INPUT_DTYPE',
      `Expected inputs of the declared dtypes (${inputs.map(({ name, dtype }) => `${name}: ${dtype}`).join(', ')}), came another; send those`,
      { cause },
    );
  }
  if (shapesAtOdds.test(text)) {
    const declared = inputs.map(
      ({ name, shape }) => `${name}: [${shape.map((size) => (size === -1 ? 'any' : size)).join(', ')}]`,
    );
    return new AppError(
      'INPUT_SHAPE',
      `Expected inputs of shapes that the model can combine (${declared.join('; ')}), but they clash inside it; check batch and sequence sizes`,
      { cause },
    );
  }
  if (hasEmpty) {
    return new AppError('INPUT_SHAPE', 'Expected inputs with at least one row, came one without any; send a row', {
      cause,
    });
  }
  return new AppError(
    'BACKEND_FAILED',
    'Expected TensorFlow.js to run the model on these inputs, but it failed; check the model with its own test inputs',
    { cause },
  );
}
