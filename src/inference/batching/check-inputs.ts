import { AppError, type Violation } from '../../errors.ts';
import { elementCount, type Tensor, type TensorMap, type TensorSpec } from '../../lib/tensor.ts';

/**
 * Refuses tensors that do not fit what a model declares, before native code sees them.
 *
 * @param anyShape  names of the inputs whose declared shape means nothing.
 *
 * @throws AppError INPUT_NAME (missing or unknown), INPUT_DTYPE, INPUT_SHAPE; the violations name each input
 */
export function checkInputs(
  inputs: TensorMap,
  specs: readonly TensorSpec[],
  anyShape: ReadonlySet<string> = new Set(),
): void {
  const missing = specs.filter(({ name, optional }) => !optional && !Object.hasOwn(inputs, name));
  const unknown = Object.keys(inputs).filter((name) => !specs.some((spec) => spec.name === name));
  if (missing.length + unknown.length > 0) throw wrongNames(specs, missing, unknown);
  for (const spec of specs) {
    const tensor = Object.hasOwn(inputs, spec.name) ? inputs[spec.name] : undefined;
    if (tensor) checkTensor(tensor, anyShape.has(spec.name) ? { ...spec, shape: tensor.shape } : spec);
  }
}

function wrongNames(
  specs: readonly TensorSpec[],
  missing: readonly TensorSpec[],
  unknown: readonly string[],
): AppError {
  const expected = specs.map(({ name, optional }) => (optional ? `${name} (optional)` : name)).join(', ');
  const violations: Violation[] = [
    ...missing.map(({ name }) => ({ path: name, message: `Expected the input "${name}", got none; add it` })),
    ...unknown.map((name) => ({ path: name, message: `The model has no input "${name}"; remove or rename it` })),
  ];
  return new AppError(
    'INPUT_NAME',
    `Expected the inputs ${expected || '(none)'}; ${violations.map(({ message }) => message).join('; ')}`,
    { violations },
  );
}

function checkTensor(tensor: Tensor, { name, dtype, shape }: TensorSpec): void {
  if (tensor.dtype !== dtype) {
    throw refuse(
      'INPUT_DTYPE',
      name,
      `Expected ${dtype} for the input "${name}", got ${tensor.dtype}; send it as ${dtype}`,
    );
  }
  const fits =
    tensor.shape.length === shape.length &&
    tensor.shape.every((size, axis) => size >= 0 && (shape[axis] === -1 || shape[axis] === size));
  if (!fits) {
    throw refuse(
      'INPUT_SHAPE',
      name,
      `Expected the shape [${shape}] (-1 is free) for the input "${name}", got [${tensor.shape}]; reshape it`,
    );
  }
  if (tensor.data.length !== elementCount(tensor.shape)) {
    throw refuse(
      'INPUT_SHAPE',
      name,
      `Expected ${elementCount(tensor.shape)} values for the shape [${tensor.shape}] of the input "${name}", got ${tensor.data.length}; send one for each element`,
    );
  }
}

const refuse = (code: 'INPUT_DTYPE' | 'INPUT_SHAPE', path: string, message: string): AppError =>
  new AppError(code, message, { violations: [{ path, message }] });
