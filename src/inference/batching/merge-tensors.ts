import {
  elementCount,
  type Tensor,
  type TensorData,
  type TensorMap,
  type TensorSpec,
  typedArrayOf,
} from '../../lib/tensor.ts';

/** Whether the declared shapes allow joining requests along axis 0 at all; whether it is right is proven by trial. */
export const hasFreeLeadingAxis = (inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): boolean =>
  inputs.length > 0 && outputs.length > 0 && [...inputs, ...outputs].every((spec) => spec.shape[0] === -1);

/** Rows of a request: the leading dimension that all its inputs share; 0 when they do not share one. */
export function rowsOf(inputs: TensorMap): number {
  let rows = 0;
  for (const { shape } of Object.values(inputs)) {
    const leading = shape[0] ?? 0;
    if (leading < 1 || (rows !== 0 && leading !== rows)) return 0;
    rows = leading;
  }
  return rows;
}

/** Equal for requests that can be joined: the same inputs with the same dimensions behind axis 0. */
export function mergeKey(inputs: TensorMap): string {
  let key = '';
  for (const name of Object.keys(inputs).sort())
    key += `${JSON.stringify(name)}:${inputs[name]?.shape.slice(1).join('x')};`;
  return key;
}

export const elementsOf = (inputs: TensorMap): number =>
  Object.values(inputs).reduce((sum, tensor) => sum + elementCount(tensor.shape), 0);

/** Joins requests with the same `mergeKey` along axis 0, in the order given. */
export function mergeRequests(requests: readonly TensorMap[]): TensorMap {
  const [first] = requests;
  if (!first) throw new RangeError('mergeRequests needs at least one request');
  return Object.fromEntries(
    Object.keys(first).map((name) => [name, joinRows(requests.map((request) => request[name] as Tensor))]),
  );
}

function joinRows(parts: readonly Tensor[]): Tensor {
  const { dtype, shape } = parts[0] as Tensor;
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
  return {
    dtype,
    shape: [rows, ...shape.slice(1)],
    data: joinData(
      dtype,
      parts.map((part) => part.data),
    ),
  };
}

function joinData(dtype: Tensor['dtype'], parts: readonly TensorData[]): TensorData {
  if (dtype === 'string') return parts.flatMap((part) => part as readonly string[]);
  const joined = new (typedArrayOf(dtype))(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    // All parts have the class of `dtype`; the union of typed arrays cannot say so.
    (joined as Float64Array).set(part as Float64Array, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * Cuts merged outputs back into one map per request.
 *
 * @param rows  rows of each request, in merge order.
 * @returns     views into the merged data; undefined when some output's axis 0 is not the sum of the rows.
 */
export function splitOutputs(merged: TensorMap, rows: readonly number[]): TensorMap[] | undefined {
  const total = rows.reduce((sum, count) => sum + count, 0);
  const tensors = Object.entries(merged);
  if (tensors.some(([, tensor]) => tensor.shape[0] !== total)) return undefined;
  let start = 0;
  return rows.map((count) => {
    const from = start;
    start += count;
    return Object.fromEntries(tensors.map(([name, tensor]) => [name, sliceRows(tensor, from, count)]));
  });
}

function sliceRows(tensor: Tensor, from: number, count: number): Tensor {
  const inner = tensor.shape.slice(1);
  const size = elementCount(inner);
  const [start, end] = [from * size, (from + count) * size];
  const data = Array.isArray(tensor.data)
    ? tensor.data.slice(start, end)
    : (tensor.data as Float32Array).subarray(start, end);
  return { dtype: tensor.dtype, shape: [count, ...inner], data };
}
