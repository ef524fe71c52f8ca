import { AppError } from '../errors.ts';
import type { TensorSpec } from '../lib/tensor.ts';

/** Inputs or outputs that a client declares; often incomplete. */
export type DeclaredSpec = {
  name: string;
  dtype?: string;
  shape?: readonly (number | string | null)[];
  [more: string]: unknown;
};

/** A field of the features, or of the answer, of a model that reads features itself: no tensor. */
export interface FeatureSpec {
  readonly name: string;
  /** As JSON Schema names types: `array`, `string`, ... */
  readonly type: string;
}

/**
 * Reads an `inputSchema` or `outputSchema` as clients send it: an object, or JSON text of one.
 *
 * @param list  the field that holds the entries, `inputs` or `outputs`.
 * @throws AppError INVALID_INPUT
 */
export function parseDeclared(value: unknown, list: 'inputs' | 'outputs', path: string): DeclaredSpec[] {
  const parsed = typeof value === 'string' ? parseText(value, path) : value;
  const entries = Array.isArray(parsed) ? parsed : (parsed as Record<string, unknown> | null)?.[list];
  if (!Array.isArray(entries)) throw invalid(path, `expected {"${list}":[{"name","dtype"?,"shape"?}]}`);
  return entries.map((entry, index) => parseEntry(entry, `${path}.${list}[${index}]`));
}

function parseText(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('INVALID_INPUT', `${path}: expected JSON, got text that does not parse.`, { cause });
  }
}

function parseEntry(entry: unknown, path: string): DeclaredSpec {
  const { name, shape } = (entry ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || name.length === 0) throw invalid(`${path}.name`, 'expected a name');
  const sizeIsFine = (size: unknown) =>
    size === null || typeof size === 'string' || (Number.isInteger(size) && (size as number) >= -1);
  if (shape !== undefined && !(Array.isArray(shape) && shape.every(sizeIsFine))) {
    throw invalid(`${path}.shape`, 'expected an array of sizes, -1 or a name for a free dimension');
  }
  return entry as DeclaredSpec;
}

function invalid(path: string, message: string) {
  return new AppError('INVALID_INPUT', `${path}: ${message}.`, { violations: [{ path, message }] });
}

/**
 * Completes what a client declares with what the file says. The file is right about names, dtypes and
 * ranks; a declared size stays where the file leaves a dimension free, but a leading 1, -1 or name is the
 * batch when the file's is free.
 */
export function completeSpecs(
  declared: readonly DeclaredSpec[] | undefined,
  read: readonly TensorSpec[],
): TensorSpec[] {
  const given = new Map((declared ?? []).map((spec) => [spec.name, spec]));
  return read.map((spec) => {
    const shape = given.get(spec.name)?.shape;
    if (!shape || shape.length !== spec.shape.length) return spec;
    const completed = spec.shape.map((size, axis) => {
      const wanted = shape[axis];
      if (size !== -1 || typeof wanted !== 'number' || wanted <= 0 || (axis === 0 && wanted === 1)) return size;
      return wanted;
    });
    return { ...spec, shape: completed };
  });
}

/**
 * The fields that a model takes or gives beside tensors: those that a client declares with a `type`, else those that
 * the model names itself; none for a model of tensors alone.
 */
export function completeFields(
  declared: readonly DeclaredSpec[] | undefined,
  known: readonly FeatureSpec[] | undefined,
): readonly FeatureSpec[] {
  if (!known) return [];
  const typed = (declared ?? []).filter((spec): spec is DeclaredSpec & FeatureSpec => typeof spec.type === 'string');
  return typed.length > 0 ? typed.map(({ name, type }) => ({ name, type })) : known;
}
