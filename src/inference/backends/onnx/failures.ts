import { AppError } from '../../../errors.ts';
import type { TensorSpec } from '../../../lib/tensor.ts';

const outOfMemory =
  /failed to allocate memory|bad_alloc|bad allocation|not enough memory|SafeIntOnOverflow|array buffer allocation failed/i;
const noDevice =
  /no available backend found|AppendExecutionProvider|execution provider|Failed to get a WebGPU adapter/i;
const shapesAtOdds = /broadcast|dimension|cannot be reshaped|shape mismatch|incompatible shapes|rank|shape\.Size\(\)/i;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What loading threw, in the words of the contract. The native text names files of this machine, so it stays the cause. */
export function loadFailure(cause: unknown, device: string): AppError {
  const text = textOf(cause);
  if (noDevice.test(text)) {
    const message = `Expected the device "${device}" to run this model on, but ONNX Runtime cannot use it here; install its driver and provider or set the device to cpu`;
    return new AppError('DEVICE_UNAVAILABLE', message, { cause });
  }
  if (outOfMemory.test(text)) {
    return new AppError(
      'MODEL_RESOURCE',
      'The model needs more memory than this process may take to load; use a smaller or quantised one',
      { cause },
    );
  }
  const type = /Unsupported data type: (\d+)/.exec(text)?.[1];
  if (type) {
    const message = `Expected inputs and outputs of float, integer, bool or string tensors, but the model has one of ONNX element type ${type}; cast it inside the model`;
    return new AppError('MODEL_DTYPE', message, { cause });
  }
  return new AppError('MODEL_LOAD_FAILED', `Expected an ONNX model that ONNX Runtime can load, ${loadReason(text)}`, {
    cause,
  });
}

function loadReason(text: string): string {
  const operator = /No Op registered for (\w+) with domain_version of (\d+)/.exec(text);
  if (operator)
    return `but it knows no operator ${operator[1]} in opset ${operator[2]}; export with standard operators`;
  if (/Protobuf parsing failed/i.test(text))
    return 'but the file is no complete ONNX protobuf; export or upload it again';
  if (/doesn't exist|No such file/i.test(text)) return 'but its file is missing from the package; upload it again';
  return 'but it was refused; check it with the ONNX checker and export it again';
}

/** What a run threw: the caller's input where that is the reason, the model otherwise. */
export function runFailure(cause: unknown, inputs: readonly TensorSpec[]): AppError {
  const text = textOf(cause);
  const node = nodeOf(text);
  if (outOfMemory.test(text)) {
    return new AppError(
      'MODEL_RESOURCE',
      `The model needs more memory than this process may take for these inputs${node}; send smaller ones`,
      { cause },
    );
  }
  const input = /(?:invalid dimensions|Invalid rank) for input: (\S+)/.exec(text)?.[1];
  if (input) {
    const declared = inputs.find(({ name }) => name === input)?.shape.map((size) => (size === -1 ? 'any' : size));
    const message = `features.${input}: expected shape [${declared?.join(', ') ?? 'as declared'}], came ${cameOf(text)}; send that shape`;
    return new AppError('INPUT_SHAPE', message, { cause });
  }
  const dtypes = /Actual: \(tensor\((\w+)\)\) , expected: \(tensor\((\w+)\)\)/.exec(text);
  if (dtypes) {
    return new AppError(
      'INPUT_DTYPE',
      `Expected an input tensor of ${dtypes[2]}, came ${dtypes[1]}; send the declared dtype`,
      { cause },
    );
  }
  if (/out of (data )?bounds/i.test(text)) {
    const message = `Expected indices that lie inside the model's tables, but one is out of bounds${node}; check ids and categories`;
    return new AppError('INVALID_INPUT', message, { cause });
  }
  // Only free dimensions let a caller's shapes pass the declaration and still clash inside.
  if (shapesAtOdds.test(text) && inputs.some(({ shape }) => shape.includes(-1))) {
    const message = `Expected inputs whose free dimensions agree with each other and with the model, but they clash${node}; check batch and sequence sizes`;
    return new AppError('INPUT_SHAPE', message, { cause });
  }
  return new AppError(
    'BACKEND_FAILED',
    `Expected ONNX Runtime to run the model on these inputs, but it failed${node}; check the model with its own test inputs`,
    { cause },
  );
}

/** Which node failed; the rest of the native text is about its source code. */
function nodeOf(text: string): string {
  const match = /while running (\w+) node\. Name:'([^']{0,120})'/.exec(text);
  return match ? ` at its ${match[1]} node${match[2] ? ` "${match[2]}"` : ''}` : '';
}

function cameOf(text: string): string {
  const sizes = [...text.matchAll(/index: (\d+) Got: (-?\d+) Expected: (-?\d+)/g)];
  if (sizes.length)
    return sizes.map(([, axis, got, expected]) => `${got} where dimension ${axis} is ${expected}`).join(', ');
  const rank = /Got: (\d+) Expected: (\d+)/.exec(text);
  return rank ? `${rank[1]} dimensions for ${rank[2]}` : 'another';
}
