import { AppError } from '../../../errors.ts';
import { loadFailure as onnxFailure } from '../onnx/failures.ts';

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const outOfMemory =
  /failed to allocate memory|bad_alloc|bad allocation|array buffer allocation failed|invalid array length/i;

/** What loading threw, in the words of the contract. The library's own text names files of this machine. */
export function loadFailure(cause: unknown, device: string): AppError {
  if (cause instanceof AppError) return cause;
  const text = textOf(cause);
  if (/^Unsupported device/.test(text)) {
    const message = `Expected a device that Transformers.js has here, came "${device}"; set the device to cpu`;
    return new AppError('DEVICE_UNAVAILABLE', message, { cause });
  }
  const missing =
    /file was not found locally at ".*?\/files\/([^"]{1,120})"|not found locally at ".*\/([^"/]{1,80})"/.exec(text);
  if (missing) {
    const message = `Expected ${missing[1] ?? missing[2]} in the model's package, came none; add the file and send the package again`;
    return new AppError('MODEL_MANIFEST', message, { cause });
  }
  const type = /Unsupported model type:? "?([\w.-]{1,64})/.exec(text)?.[1];
  if (type) {
    const message = `Expected a model type that Transformers.js knows for this task, came "${type}" in config.json; set metadata.taskType to the task of the model`;
    return new AppError('MODEL_MANIFEST', message, { cause });
  }
  if (cause instanceof SyntaxError || cause instanceof TypeError || cause instanceof RangeError) {
    const message =
      'Expected the files of a model as the Hugging Face hub has them, but its settings or tokenizer make no sense together; export the model again';
    return new AppError('MODEL_MANIFEST', message, { cause });
  }
  return onnxFailure(cause, device);
}

/** What a pipeline threw: the caller's text where that is the reason, the model otherwise. */
export function askFailure(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const text = textOf(cause);
  const mask = /^Mask token \((.{1,32}?)\) not found/.exec(text)?.[1];
  if (mask !== undefined) {
    const message = `expected ${JSON.stringify(mask)} in each text where a word is to be filled in, came none`;
    return new AppError('INVALID_INPUT', `features: ${message}.`, {
      cause,
      violations: [{ path: 'features', message }],
    });
  }
  if (outOfMemory.test(text)) {
    const message = 'The model needs more memory than this process may take for these inputs; send smaller ones';
    return new AppError('MODEL_RESOURCE', message, { cause });
  }
  return new AppError(
    'BACKEND_FAILED',
    'Expected Transformers.js to run the model on these features, but it failed; check the model with its own examples',
    { cause },
  );
}
