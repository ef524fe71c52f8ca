import {
  bytesPerElement,
  type Dtype,
  dtypes,
  elementCount,
  type Tensor,
  type TensorData,
  type TensorSpec,
  typedArrayOf,
} from '../../lib/tensor.ts';
import { newData, writeElements } from './elements.ts';
import { fitShape, maxRank, showShape } from './shapes.ts';
import { describe, type InputViolations } from './violations.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Whether a value says its own dtype: `{dtype, shape, data}` or `{dtype, shape, base64}`. */
export const isTypedObject = (value: unknown): value is Fields =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.hasOwn(value, 'dtype') &&
  (Object.hasOwn(value, 'data') || Object.hasOwn(value, 'base64'));

const isShape = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length <= maxRank &&
  value.every((size) => Number.isInteger(size) && size >= 0 && size <= 0x7fffffff);

/**
 * A tensor from `{dtype, shape, data}` (row-major) or `{dtype, shape, base64}` (little-endian bytes).
 *
 * @returns undefined after adding what is wrong to `violations`.
 */
export function fromTypedObject(
  value: Fields,
  spec: TensorSpec,
  path: string,
  violations: InputViolations,
): Tensor | undefined {
  const { dtype, shape, data, base64 } = value;
  const before = violations.size;
  if (dtype !== spec.dtype) {
    const known = dtypes.includes(dtype as Dtype) ? '' : `; dtypes are ${dtypes.join(', ')}`;
    violations.add('INPUT_DTYPE', `${path}.dtype`, `expected "${spec.dtype}", came ${describe(dtype)}${known}`);
  }
  const surplus = Object.keys(value).find((key) => !['dtype', 'shape', 'data', 'base64'].includes(key));
  if (surplus !== undefined) {
    violations.add(
      'INPUT_NAME',
      `${path}.${surplus}`,
      'expected only dtype, shape and data or base64, came one field more; leave it out',
    );
  }
  const fitted = isShape(shape) ? fitShape(spec.shape, shape) : undefined;
  if (!isShape(shape)) {
    const expected = `an array of at most ${maxRank} whole numbers from 0, such as ${showShape(spec.shape)}`;
    violations.add('INPUT_SHAPE', `${path}.shape`, `expected ${expected}, came ${describe(shape)}`);
  } else if (!fitted) {
    violations.add('INPUT_SHAPE', `${path}.shape`, `expected ${showShape(spec.shape)}, came ${showShape(shape)}`);
  }
  if (violations.size > before || !fitted) return undefined;
  if (data !== undefined && base64 !== undefined) {
    violations.add('INPUT_DTYPE', path, 'expected data or base64, came both; leave one out');
    return undefined;
  }
  const elements =
    base64 === undefined
      ? fromData(data, spec.dtype, elementCount(fitted), `${path}.data`, violations)
      : fromBase64(base64, spec.dtype, elementCount(fitted), `${path}.base64`, violations);
  return elements && { dtype: spec.dtype, shape: fitted, data: elements };
}

function fromData(data: unknown, dtype: Dtype, count: number, path: string, violations: InputViolations) {
  if (!Array.isArray(data)) {
    violations.add('INPUT_SHAPE', path, `expected a flat array of ${count} values, came ${describe(data)}`);
    return undefined;
  }
  if (data.length !== count) {
    violations.add('INPUT_SHAPE', path, `expected ${count} values as the shape says, came ${data.length}`);
    return undefined;
  }
  const before = violations.size;
  const target = newData(dtype, count);
  writeElements(dtype, data, target, 0, true, (index, code, message) =>
    violations.add(code, `${path}[${index}]`, message),
  );
  return violations.size > before ? undefined : target;
}

function fromBase64(
  base64: unknown,
  dtype: Dtype,
  count: number,
  path: string,
  violations: InputViolations,
): TensorData | undefined {
  if (dtype === 'string') {
    violations.add('INPUT_DTYPE', path, 'expected "data" with strings, since strings have no fixed size; came base64');
    return undefined;
  }
  if (typeof base64 !== 'string' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    violations.add(
      'INPUT_DTYPE',
      path,
      `expected base64 of little-endian bytes, padded with "=", came ${describe(base64)}`,
    );
    return undefined;
  }
  const size = count * bytesPerElement(dtype);
  const came = Buffer.byteLength(base64, 'base64');
  if (came !== size) {
    violations.add('INPUT_SHAPE', path, `expected ${size} bytes for ${count} of ${dtype}, came ${came}`);
    return undefined;
  }
  const buffer = new ArrayBuffer(size);
  Buffer.from(buffer).write(base64, 'base64');
  const elements = new (typedArrayOf(dtype))(buffer);
  if (dtype === 'bool') {
    const wrong = (elements as Uint8Array).findIndex((byte) => byte > 1);
    if (wrong >= 0) {
      violations.add(
        'INPUT_DTYPE',
        path,
        `expected bytes of 0 or 1 for dtype bool, came ${elements[wrong]} at byte ${wrong}`,
      );
      return undefined;
    }
  }
  return elements;
}
