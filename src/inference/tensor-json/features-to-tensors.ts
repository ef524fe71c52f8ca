import type { Tensor, TensorMap, TensorSpec } from '../../lib/tensor.ts';
import { fromNested } from './nested.ts';
import { fromTypedObject, isTypedObject } from './typed-object.ts';
import { describe, InputViolations } from './violations.ts';

export interface FeaturesOptions {
  /** What paths in messages begin with; `features` unless said. */
  readonly path?: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The tensors that a request's features stand for. Each input may be nested arrays, a flat array whose length
 * fits, `{dtype, shape, data}` or `{dtype, shape, base64}`; a model with one input also takes the bare value.
 * Optional inputs may be absent. A free leading dimension is a batch dimension, which a single row may leave out.
 *
 * @param specs  what the model declares; a free dimension is -1.
 * @returns      a tensor for each input that was given, of the declared dtype, its shape fully known.
 * @throws       AppError INPUT_NAME, INPUT_SHAPE, INPUT_DTYPE or INPUT_NOT_FINITE (the first that was found),
 *               with up to 32 violations and their paths.
 * @example
 * featuresToTensors({ x: [1, 2] }, [{ name: 'x', dtype: 'int8', shape: [-1, 2] }]).x.shape // [1, 2]
 */
export function featuresToTensors(
  features: unknown,
  specs: readonly TensorSpec[],
  { path = 'features' }: FeaturesOptions = {},
): TensorMap {
  const violations = new InputViolations();
  const tensors = isBare(features, specs)
    ? bareTensor(features, specs, path, violations)
    : namedTensors(features, specs, path, violations);
  violations.throwIfAny();
  // fromEntries defines own properties, so an input called `__proto__` is just a name.
  return Object.fromEntries(tensors);
}

type Named = [name: string, tensor: Tensor];

const isBare = (features: unknown, specs: readonly TensorSpec[]): boolean =>
  soleInput(specs) !== undefined && features !== undefined && (!isObject(features) || isTypedObject(features));

/** The one input that must be given, when there is just one. */
function soleInput(specs: readonly TensorSpec[]): TensorSpec | undefined {
  const required = specs.filter((spec) => !spec.optional);
  return required.length === 1 ? required[0] : specs.length === 1 ? specs[0] : undefined;
}

function bareTensor(
  features: unknown,
  specs: readonly TensorSpec[],
  path: string,
  violations: InputViolations,
): Named[] {
  const spec = soleInput(specs) as TensorSpec;
  const tensor = toTensor(features, spec, path, violations);
  return tensor ? [[spec.name, tensor]] : [];
}

function namedTensors(
  features: unknown,
  specs: readonly TensorSpec[],
  path: string,
  violations: InputViolations,
): Named[] {
  const names = specs.map(({ name }) => name);
  if (!isObject(features)) {
    const expected = `an object with the model's inputs by name (${names.join(', ')})`;
    violations.add('INPUT_NAME', path, `expected ${expected}, came ${describe(features)}`);
    return [];
  }
  for (const name of Object.keys(features)) {
    if (violations.full) break;
    if (names.includes(name)) continue;
    violations.add(
      'INPUT_NAME',
      `${path}.${shorten(name)}`,
      `the model has no input of this name; its inputs are ${names.join(', ')}`,
    );
  }
  return specs.flatMap((spec): Named[] => {
    if (violations.full) return [];
    const fieldPath = `${path}.${spec.name}`;
    if (!Object.hasOwn(features, spec.name) || features[spec.name] === undefined) {
      if (!spec.optional)
        violations.add('INPUT_NAME', fieldPath, `this input is missing; send ${spec.dtype} values for it`);
      return [];
    }
    const tensor = toTensor(features[spec.name], spec, fieldPath, violations);
    return tensor ? [[spec.name, tensor]] : [];
  });
}

function toTensor(value: unknown, spec: TensorSpec, path: string, violations: InputViolations): Tensor | undefined {
  if (isTypedObject(value)) return fromTypedObject(value, spec, path, violations);
  if (isObject(value) || value === null) {
    const expected = `${spec.dtype} values as nested arrays, or {"dtype","shape","data"}`;
    violations.add('INPUT_DTYPE', path, `expected ${expected}, came ${describe(value)}`);
    return undefined;
  }
  return fromNested(value, spec, path, violations);
}

const shorten = (name: string): string => (name.length > 64 ? `${name.slice(0, 64)}…` : name);
